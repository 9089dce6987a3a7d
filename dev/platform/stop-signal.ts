/**
 * Resolves with the reason when this process should stop: Ctrl-C, SIGTERM, SIGHUP, or when the
 * process that started it is gone.
 */
export function stopRequested(): Promise<string> {
  const parent = Deno.ppid;
  return new Promise((resolve) => {
    const done = (reason: string) => {
      clearInterval(watch);
      resolve(reason);
    };
    const signals = Deno.build.os === "windows"
      ? ["SIGINT"] as const
      : ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) Deno.addSignalListener(signal, () => done(signal));
    const watch = setInterval(() => {
      if (Deno.ppid !== parent) done("the terminal is gone");
    }, 1000);
  });
}
