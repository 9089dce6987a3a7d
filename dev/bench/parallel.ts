/** Does numbered work by so many workers at once, each its next when it has done one. */
export async function inParallel(
  atOnce: number,
  count: number,
  work: (index: number, worker: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async (_, worker) => {
    while (next < count) await work(next++, worker);
  }));
}
