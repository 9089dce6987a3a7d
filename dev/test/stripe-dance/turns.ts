type Work<T> = (next: () => Promise<void>) => Promise<T>;

/**
 * Does several works beside each other, one at a time: each goes on until it waits for its next
 * turn or ends, and `below` (0 … limit − 1) chooses whose turn it is. The same choices make the same
 * order on every machine.
 */
export async function inTurns<T>(
  works: readonly Work<T>[],
  below: (limit: number) => number,
): Promise<T[]> {
  const waiting: (() => void)[] = [];
  const results: Promise<T>[] = [];
  let pause = () => {};
  const untilPause = async (begin: () => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    pause = resolve;
    begin();
    await promise;
  };
  const next = () =>
    new Promise<void>((go) => {
      waiting.push(go);
      pause();
    });
  for (const work of works) {
    await untilPause(() => {
      const result = work(next).finally(() => pause());
      // It may fail while another goes on: the failure is told when all have ended.
      result.catch(() => {});
      results.push(result);
    });
  }
  while (waiting.length > 0) {
    for (const go of waiting.splice(below(waiting.length), 1)) await untilPause(go);
  }
  return await Promise.all(results);
}
