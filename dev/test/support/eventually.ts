import { setTimeout } from "node:timers/promises";

/** Repeats `assertion` until it holds; its last error is thrown when `within` ms have passed. */
export async function eventually(
  assertion: () => Promise<void>,
  within = 10_000,
): Promise<void> {
  const deadline = performance.now() + within;
  while (true) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await setTimeout(50);
    }
  }
}
