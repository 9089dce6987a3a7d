/**
 * The time in which the books are kept: it passes faster than ours, from 1 January 2024 on. So it
 * never reaches the present, whose next day bounds what agents may log.
 */
export interface Calendar {
  now(): Date;
  /** The first day of the month, `2026-03-01`; of a later one by `months`. */
  month(months?: number): string;
  /** From now on it stands still. */
  stop(): void;
  /** Moves on by so many days at once. */
  skip(days: number): void;
}

export const FIRST_DAY = "2024-01-01";
export const START = Date.parse(`${FIRST_DAY}T00:00:00Z`);
export const DAY = 86_400_000;

/** The first day of the month of an instant. */
export function monthOf(at: Date): string {
  return `${at.toISOString().slice(0, 7)}-01`;
}

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
