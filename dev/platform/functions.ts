import { join } from "node:path";
import type { Config } from "./config.ts";
import { startFunction } from "./function-process.ts";
import type { FunctionProcess, FunctionRuntime } from "./function-process.ts";
import { isAuthorised } from "./function-auth.ts";

/** Everything under `/functions/v1`. */
export interface Functions {
  fetch(request: Request): Promise<Response>;
  /** What the functions printed, oldest first, `name: line`; the last thousand lines. */
  log(): string[];
  /** Kills the process of a function; false where none runs. The next request starts another. */
  kill(name: string): Promise<boolean>;
  stop(): Promise<void>;
}

/** Hosted functions have this long to answer. Milliseconds. */
const ANSWER_WITHIN = 150_000;

/** Serves each folder of `runtime.directory` from a Deno process of its own, started when asked. */
export function serveFunctions(config: Config["functions"], runtime: FunctionRuntime): Functions {
  const processes = new Map<string, Promise<FunctionProcess>>();
  const lines: string[] = [];
  const write = (name: string, line: string) => {
    lines.push(`${name}: ${line}`);
    if (lines.length > 1000) lines.shift();
    runtime.onLine?.(`${name}: ${line}`);
  };
  const processOf = (name: string) => {
    const known = processes.get(name);
    if (known !== undefined) return known;
    const forget = () => processes.delete(name);
    const starting = startFunction(name, runtime, (line) => write(name, line), forget);
    processes.set(name, starting);
    starting.catch(forget);
    return starting;
  };
  return {
    fetch: async (request) => {
      const name = new URL(request.url).pathname.split("/")[3] ?? "";
      const known = processes.has(name) || await isFunction(runtime.directory, name);
      if (!known || config[name]?.enabled === false) {
        return failure(404, "NOT_FOUND", "Requested function was not found");
      }
      const checked = (config[name]?.verify_jwt ?? true) && request.method !== "OPTIONS";
      if (checked && !(await isAuthorised(request.headers))) {
        return failure(401, "UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT");
      }
      let process: FunctionProcess;
      try {
        process = await processOf(name);
      } catch (error) {
        write(name, error instanceof Error ? error.message : String(error));
        return failure(503, "BOOT_ERROR", "Function failed to start (please check logs)");
      }
      return forward(request, process);
    },
    log: () => [...lines],
    kill: async (name) => {
      const process = await processes.get(name)?.catch(() => undefined);
      await process?.kill();
      return process !== undefined;
    },
    stop: async () => {
      const started = await Promise.allSettled(processes.values());
      const running = started.flatMap((result) =>
        result.status === "fulfilled" ? [result.value] : []
      );
      await Promise.all(running.map((process) => process.stop()));
    },
  };
}

async function isFunction(directory: string, name: string): Promise<boolean> {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) return false;
  try {
    return (await Deno.stat(join(directory, name, "index.ts"))).isFile;
  } catch {
    return false;
  }
}

/** Inside a function the path starts with its name, as on the hosted service. */
async function forward(request: Request, process: FunctionProcess): Promise<Response> {
  const url = new URL(request.url);
  const target = new URL(url.pathname.replace(/^\/functions\/v1/, "") + url.search, process.url);
  const headers = new Headers(request.headers);
  headers.set("x-forwarded-host", url.host);
  headers.set("x-forwarded-proto", url.protocol.slice(0, -1));
  try {
    const response = await fetch(target, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    return asHosted(request, response);
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return failure(504, "IDLE_TIMEOUT", "The function did not answer within 150 s");
    }
    return failure(502, "WORKER_ERROR", "Function exited due to an error (please check logs)");
  }
}

/** Without a custom domain the hosted service does not let a GET answer with HTML. */
function asHosted(request: Request, response: Response): Response {
  const headers = new Headers(response.headers);
  const type = headers.get("content-type");
  if (request.method === "GET" && type?.startsWith("text/html")) {
    headers.set("content-type", type.replace("text/html", "text/plain"));
  }
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response(response.body, { status: response.status, headers });
}

function failure(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}
