/**
 * Work that is asked for often and wanted once at a time: while it runs, more askings make it run
 * once more when it is done. Each asking resolves when work that began after it has ended.
 */
export function singleFlight(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    running = work().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (running === undefined) return begin();
    next ??= running.catch(() => {}).then(() => {
      next = undefined;
      return begin();
    });
    return next;
  };
}
