import type { UsageLogger } from "./usage-logger.ts";

/** What is needed of `node:process`, which Node and Deno have alike. */
export interface ExitingProcess {
  readonly pid: number;
  once(event: "beforeExit" | "SIGINT" | "SIGTERM", listener: () => void): unknown;
  kill(pid: number, signal: "SIGINT" | "SIGTERM"): unknown;
}

/**
 * Sends what a logger still holds when its process comes to its end or is told to end. A signal is
 * raised again afterwards, so that the process ends by it as it would have. `SIGKILL` and a crash
 * leave no time: what was waiting then (at most `flushEvery` milliseconds of calls) is lost.
 */
export function flushOnExit(logger: UsageLogger, process: ExitingProcess): void {
  process.once("beforeExit", () => void logger.close());
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void logger.close().finally(() => process.kill(process.pid, signal));
    });
  }
}
