import type { Api } from "./api.ts";
import type { Functions } from "./functions.ts";

/** The one address that clients know. */
export interface Gateway {
  stop(): Promise<void>;
}

/** Serves `/rest/v1`, `/auth/v1`, `/storage/v1` and `/functions/v1` on the loopback address. */
export function startGateway(port: number, api: Api, functions: Functions): Gateway {
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port,
    onListen: () => {},
    onError: (error) => {
      console.error("gateway:", error);
      return Response.json({ message: "The local platform failed" }, { status: 500 });
    },
  }, (request) => {
    const { pathname } = new URL(request.url);
    if (/^\/functions\/v1\//.test(pathname)) return functions.fetch(request);
    if (/^\/(rest|auth|storage)\/v1(\/|$)/.test(pathname)) return api.fetch(request);
    return Response.json({ message: "no Route matched with those values" }, { status: 404 });
  });
  return { stop: () => server.shutdown() };
}
