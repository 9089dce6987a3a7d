import { pathToFileURL } from "node:url";

// Serves a function as `deno serve` does, which cannot say which of its lines have run; `deno run`
// can, where the program ends by itself.

const [path = ""] = Deno.args;
const { default: { fetch } }: { default: { fetch: Deno.ServeHandler } } = await import(
  pathToFileURL(path).href
);
Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ hostname, port }) => console.log(`Listening on http://${hostname}:${port}/`),
}, fetch);
