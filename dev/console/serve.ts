import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { headersOf } from "./policy.ts";

/** A console that is served. */
export interface ConsoleServer {
  readonly url: string;
  stop(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
};

/** Serves a built console on the loopback address, as a static host does: packed where it may be. */
export function serveConsole(folder: string, projectUrl: string, port: number): ConsoleServer {
  const always = headersOf(projectUrl);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const name = pathname === "/" ? "index.html" : pathname.slice(1);
      // Names of what was built, and nothing that leads elsewhere.
      const type = /^(assets\/)?[\w.-]+$/.test(name) ? TYPES[extname(name)] : undefined;
      if (type === undefined) return new Response("Not found", { status: 404, headers: always });
      try {
        const file = await Deno.readFile(join(folder, name));
        const cache = name.startsWith("assets/")
          ? "public, max-age=31536000, immutable"
          : "no-cache";
        const headers = { ...always, "content-type": type, "cache-control": cache };
        const isPacked = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
        return isPacked
          ? new Response(gzipSync(file), {
            headers: { ...headers, "content-encoding": "gzip", "vary": "accept-encoding" },
          })
          : new Response(file, { headers });
      } catch {
        return new Response("Not found", { status: 404, headers: always });
      }
    },
  );
  return { url: `http://127.0.0.1:${server.addr.port}`, stop: () => server.shutdown() };
}
