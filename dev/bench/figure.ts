/** What is aimed at: a ratio to the floor that is at least, or at most, so much. */
export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One measured figure: a ratio to a floor of the same run, and what stands behind it. */
export interface Figure {
  readonly key: string;
  readonly what: string;
  readonly floor: string;
  /** The figure itself: mostly a ratio; seconds, milliseconds, megabytes, kilobytes where `unit` says so. */
  readonly value: number;
  readonly unit: "×" | "ms" | "s" | "MB" | "kB";
  readonly target: Target;
  /** Absolute figures and sizes, as people read them. */
  readonly detail: string;
  /** Further conditions of the target that this run did or did not fulfil. */
  readonly also?: readonly { readonly what: string; readonly holds: boolean }[];
}

/** Whether a figure reaches its target, all conditions included. */
export function isMet({ value, target, also = [] }: Figure): boolean {
  return value >= (target.atLeast ?? -Infinity) && value <= (target.atMost ?? Infinity) &&
    also.every(({ holds }) => holds);
}

/** The middle of some measurements. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The value that a share of the measurements does not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** Milliseconds that some work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/**
 * Measures ours and its floor in turns, so that whatever else the machine does meets both. Each
 * returns milliseconds, or whatever both are to be compared by.
 */
export async function alternate(
  rounds: number,
  ours: () => Promise<number>,
  floor: () => Promise<number>,
): Promise<{ ours: number; floor: number }> {
  const pairs = [];
  for (let round = 0; round < rounds; round++) {
    pairs.push({ ours: await ours(), floor: await floor() });
  }
  return {
    ours: median(pairs.map((pair) => pair.ours)),
    floor: median(pairs.map((pair) => pair.floor)),
  };
}

/** Per second, rounded, with thousands apart. */
export function perSecond(count: number, milliseconds: number): string {
  return `${Math.round(count / milliseconds * 1000).toLocaleString("en-US")}/s`;
}

/** With thousands apart. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Milliseconds as people read them. */
export function duration(milliseconds: number): string {
  return milliseconds < 1000
    ? `${milliseconds.toFixed(2)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
}
