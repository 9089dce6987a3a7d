import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";

/** `current`: what the tools run on. `hosted`: the version hosted edge functions are like. */
export type DenoVersion = "current" | "hosted";

/** Path of a Deno binary. Throws when npm has none for this machine. */
export function denoBinary(version: DenoVersion): string {
  if (version === "current") return Deno.execPath();
  const main = createRequire(import.meta.url).resolve("deno-hosted/package.json");
  const libc = platform() === "linux" ? "-glibc" : "";
  const own = createRequire(main).resolve(`@deno/${platform()}-${arch()}${libc}/package.json`);
  return join(dirname(own), platform() === "win32" ? "deno.exe" : "deno");
}
