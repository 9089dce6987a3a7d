import { ok } from "node:assert/strict";
import { eventually } from "../test/support/eventually.ts";
import { repositoryRoot } from "./repository.ts";
import { linesOf } from "./text-lines.ts";

const script = `
import { startGuard } from ${JSON.stringify(new URL("./guard.ts", import.meta.url).href)};
const guard = startGuard();
const directory = await Deno.makeTempDir();
await guard.watchDirectory(directory);
// Ignores SIGINT, as a process that hangs: the guard has to kill it.
const child = new Deno.Command("/bin/sh", {
  args: ["-c", "trap '' INT; while :; do sleep 1; done"],
  detached: true,
}).spawn();
await guard.watchProcess(child.pid);
console.log(JSON.stringify({ directory, pid: child.pid }));
// Ends by an error when told to; else it waits to be killed.
await Deno.stdin.read(new Uint8Array(1));
throw new Error("the owner fails");
`;

for (const end of ["is killed", "ends by an error"] as const) {
  Deno.test(`when its owner ${end}, what the guard watches is stopped and removed`, () =>
    check(end));
}

async function check(end: "is killed" | "ends by an error"): Promise<void> {
  const owner = new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    cwd: repositoryRoot,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = linesOf(owner.stdout).getReader();
  const { directory, pid } = JSON.parse((await lines.read()).value ?? "");
  ok((await Deno.stat(directory)).isDirectory);
  if (end === "is killed") owner.kill("SIGKILL");
  await owner.stdin.close();
  await owner.status;
  await lines.cancel();
  await eventually(async () => {
    ok(!(await isRunning(pid)), "the process still runs");
    ok(await isGone(directory), "the directory is still there");
  });
}

/** A zombie that nobody waits for has ended too. */
async function isRunning(pid: number): Promise<boolean> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "stat=", "-p", String(pid)] })
    .output();
  return /^[^Z\s]/.test(new TextDecoder().decode(stdout).trim());
}

async function isGone(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}
