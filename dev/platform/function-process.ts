import { join } from "node:path";
import { denoBinary } from "./deno-binary.ts";
import type { DenoVersion } from "./deno-binary.ts";
import type { Guard } from "./guard.ts";
import { repositoryRoot } from "./repository.ts";
import { linesOf } from "./text-lines.ts";

/** Milliseconds that a function may take to end when it is told to. */
const STOP_WITHIN = 250;
/** And when it writes down first which lines have run. */
const WRITE_COVERAGE_WITHIN = 10_000;

export interface FunctionRuntime {
  /** Holds a folder per function, each with an index.ts. */
  directory: string;
  deno: DenoVersion;
  /** All that the function sees in `Deno.env`, but for what Deno itself needs. */
  env: Record<string, string>;
  guard: Guard;
  /** Called with each line the function prints. */
  onLine?: (line: string) => void;
}

export interface FunctionProcess {
  /** Where it listens, with a slash at its end. */
  url: string;
  pid: number;
  stop(): Promise<void>;
  /** Ends it at once, as the hosted service does when a limit is reached. */
  kill(): Promise<void>;
}

/**
 * What a hosted function may hold. There V8 is told so too; without it V8 lets garbage grow by the
 * memory of the machine.
 */
const MEMORY_MB = 256;

/**
 * Starts `<name>/index.ts` and waits until it listens. Rejects when it ends
 * before. `onEnd` is called when it ends, for whatever reason. Like the hosted runtime it may not
 * start programs nor write outside /tmp; modules come from node_modules only.
 */
export async function startFunction(
  name: string,
  runtime: FunctionRuntime,
  onLine: (line: string) => void,
  onEnd: () => void,
): Promise<FunctionProcess> {
  const covered = runtime.deno === "current" && Deno.env.has("DENO_COVERAGE_DIR");
  const module = join(runtime.directory, name, "index.ts");
  const child = new Deno.Command(denoBinary(runtime.deno), {
    args: [
      ...covered ? ["run"] : ["serve", "--host=127.0.0.1", "--port=0"],
      `--config=${join(repositoryRoot, "deno.json")}`,
      `--v8-flags=--max-heap-size=${MEMORY_MB}`,
      "--no-remote",
      "--no-prompt",
      "--allow-net",
      "--allow-env",
      "--allow-sys",
      "--allow-read",
      "--allow-write=/tmp",
      ...covered ? [join(repositoryRoot, "dev", "platform", "serve-covered.ts"), module] : [module],
    ],
    cwd: repositoryRoot,
    clearEnv: true,
    env: { ...denoEnvironment(), ...runtime.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await runtime.guard.watchProcess(child.pid);
  const listening = Promise.withResolvers<string>();
  const printed: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const line of linesOf(stream)) {
      const address = /Listening on (http:\/\/[\d.:]+\/)/.exec(line)?.[1];
      if (address !== undefined) {
        listening.resolve(address);
        continue;
      }
      printed.push(line);
      onLine(line);
    }
  };
  const ended = Promise.all([read(child.stdout), read(child.stderr), child.status]).then(() => {
    void runtime.guard.forgetProcess(child.pid);
    onEnd();
    listening.reject(new Error(`function ${name} did not start:\n${printed.join("\n")}`));
  });
  const url = await listening.promise;
  return {
    url,
    pid: child.pid,
    stop: async () => {
      kill(child, "SIGTERM");
      // Told to end, Deno waits for what keeps its loop alive: 20 s of an idle database connection.
      const impatience = setTimeout(
        () => kill(child, "SIGKILL"),
        covered ? WRITE_COVERAGE_WITHIN : STOP_WITHIN,
      );
      await ended;
      clearTimeout(impatience);
    },
    kill: async () => {
      kill(child, "SIGKILL");
      await ended;
    },
  };
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // It has ended.
    if (!(error instanceof TypeError)) throw error;
  }
}

function denoEnvironment(): Record<string, string> {
  const kept = ["HOME", "PATH", "DENO_DIR", "DENO_COVERAGE_DIR", "XDG_CACHE_HOME", "TMPDIR"];
  const here = kept.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(here), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
}
