import { shownLocales } from "./locales.ts";

/** Days and instants in the user's language. */

/** A day of a client, `2026-06-30`; it has no zone and moves in none. */
export function day(text: string, locales = shownLocales()): string {
  return dayFormat(text, { dateStyle: "medium" }, locales);
}

/** The same without its year. */
export function shortDay(text: string, locales = shownLocales()): string {
  return dayFormat(text, { day: "numeric", month: "short" }, locales);
}

/** `[start, end)` as its first and last day. */
export function period(start: string | null, end: string | null, locales = shownLocales()): string {
  if (start === null || end === null) return "";
  const last = addDays(end, -1);
  return new Intl.DateTimeFormat([...locales], { dateStyle: "medium", timeZone: "UTC" })
    .formatRange(noon(start), noon(last));
}

/** First and last day, both included. */
export function daysBetween(first: string, last: string, locales = shownLocales()): string {
  return period(first, addDays(last, 1), locales);
}

/** An instant in the user's zone, or in another. */
export function instant(text: string, timeZone?: string, locales = shownLocales()): string {
  return new Intl.DateTimeFormat([...locales], {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone,
  }).format(new Date(text));
}

/** The day of an instant in the user's zone. */
export function dayOf(text: string, locales = shownLocales()): string {
  return new Intl.DateTimeFormat([...locales], { dateStyle: "medium" }).format(new Date(text));
}

/** `2026-06-30` and 1 is `2026-07-01`. */
export function addDays(text: string, days: number): string {
  const at = noon(text);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

/** The instant at which a day begins in a time zone. */
export function startOfDay(text: string, timeZone: string): Date {
  const midnight = Date.parse(`${text}T00:00:00Z`);
  // The offset at the guess may not be the one that holds at midnight: the second look is right.
  let at = midnight;
  for (let look = 0; look < 2; look++) at = midnight - offset(at, timeZone);
  return new Date(at);
}

/** Milliseconds that a zone's clocks are ahead of UTC at an instant. */
function offset(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(at);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const shown = Date.UTC(
    of("year"),
    of("month") - 1,
    of("day"),
    of("hour"),
    of("minute"),
    of("second"),
  );
  return shown - Math.floor(at / 1000) * 1000;
}

function dayFormat(text: string, style: Intl.DateTimeFormatOptions, locales: readonly string[]) {
  return new Intl.DateTimeFormat([...locales], { ...style, timeZone: "UTC" }).format(noon(text));
}

function noon(text: string): Date {
  return new Date(`${text.slice(0, 10)}T12:00:00Z`);
}
