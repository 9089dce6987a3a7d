import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";

/** `current`: what the tools run on. `hosted`: the version hosted edge functions are like. */
export type DenoVersion = "current" | "hosted";

/** Path of a Deno binary from node_modules, for this machine. Throws when npm has none for it. */
export function denoBinary(version: DenoVersion): string {
  const require = createRequire(import.meta.url);
  const owner = version === "current" ? "deno" : "deno-hosted";
  const main = require.resolve(`${owner}/package.json`);
  const libc = platform() === "linux" ? "-glibc" : "";
  const own = createRequire(main).resolve(`@deno/${platform()}-${arch()}${libc}/package.json`);
  return join(dirname(own), platform() === "win32" ? "deno.exe" : "deno");
}
