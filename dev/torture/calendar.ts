/** The time in which the books are kept: it passes faster than ours, from 1 January 2026 on. */
export interface Calendar {
  now(): Date;
  /** The first day of the month, `2026-03-01`; of a later one by `months`. */
  month(months?: number): string;
  /** From now on it stands still. */
  stop(): void;
  /** Moves on by so many days at once. */
  skip(days: number): void;
}

const START = Date.UTC(2026, 0, 1);
const DAY = 86_400_000;

/** Passes a month in so many seconds of ours; with `Infinity` only what is skipped passes. */
export function startCalendar(secondsPerMonth: number): Calendar {
  const began = performance.now();
  let skipped = 0;
  let stopped: number | undefined;
  const now = () => {
    const months = ((stopped ?? performance.now()) - began) / 1000 / secondsPerMonth;
    return new Date(START + Math.round(months * 30.4 * DAY) + skipped);
  };
  return {
    now,
    month: (months = 0) => {
      const at = now();
      return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months, 1))
        .toISOString().slice(0, 10);
    },
    stop: () => {
      stopped = performance.now();
    },
    skip: (days) => {
      skipped += days * DAY;
    },
  };
}
