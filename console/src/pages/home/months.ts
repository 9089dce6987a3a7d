import { sumDecimals } from "../../../../shared/money.ts";
import { addDays } from "../../format/days.ts";

/** Days, both included. */
interface Days {
  readonly start: string;
  readonly end: string;
}

interface Cost {
  readonly day: string | null;
  readonly provider_cost: string | null;
}

/** This month until a day, and as many days of the month before, where it has that many. */
export function monthsUntil(today: string): { readonly now: Days; readonly before: Days } {
  const start = `${today.slice(0, 8)}01`;
  const lastOfBefore = addDays(start, -1);
  const before = `${lastOfBefore.slice(0, 8)}01`;
  const sameDay = `${lastOfBefore.slice(0, 8)}${today.slice(8)}`;
  return {
    now: { start, end: today },
    before: { start: before, end: sameDay < lastOfBefore ? sameDay : lastOfBefore },
  };
}

/** The days of a month, `2026-06`, up to today where it has not ended. */
export function daysOfMonth(month: string, today: string): Days {
  const next = `${addDays(`${month}-28`, 4).slice(0, 8)}01`;
  const start = `${month}-01`;
  const last = addDays(next, -1);
  return { start, end: last <= today || start > today ? last : today };
}

/** What each of the days cost, exact; a day without usage cost nothing. */
export function costsByDay(
  rows: readonly Cost[],
  { start, end }: Days,
): { readonly day: string; readonly cost: string }[] {
  const costs = new Map<string, string[]>();
  for (const { day, provider_cost } of rows) {
    if (day !== null) costs.set(day, [...costs.get(day) ?? [], provider_cost ?? "0"]);
  }
  const days = [];
  for (let day = start; day <= end; day = addDays(day, 1)) {
    days.push({ day, cost: sumDecimals(costs.get(day) ?? []) });
  }
  return days;
}

export function totalOf(days: readonly { readonly cost: string }[]): string {
  return sumDecimals(days.map(({ cost }) => cost));
}
