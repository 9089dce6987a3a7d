import type { ClientRow, ZoneRow } from "./world.ts";

/** `YYYY-MM-DD`, `-infinity` or `infinity`; compare with `<`. */
export type Day = string;
/** Half-open days. */
export interface Period {
  readonly start: Day;
  readonly end: Day;
}

const DAY_MS = 86_400_000;
const ENDLESS = 2n ** 80n;

/**
 * Microseconds since 1970 of an instant as PostgreSQL prints it or as ISO 8601; without a zone it
 * is UTC. Infinite instants are numbers beyond all others.
 */
export function parseInstant(text: string): bigint {
  if (text === "infinity") return ENDLESS;
  if (text === "-infinity") return -ENDLESS;
  const match =
    /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d)(?::?(\d\d))?)?$/
      .exec(text);
  if (match === null) throw new RangeError(`not an instant: ${text}`);
  const [, year, month, date, hour, minute, second, fraction = "", sign, hours = 0, minutes = 0] =
    match;
  const local = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(date),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const offset = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === "-" ? -1 : 1);
  return BigInt(local - offset) * 1000n + BigInt(fraction.padEnd(6, "0"));
}

export function addDays(day: Day, days: number): Day {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

export function daysBetween(start: Day, end: Day): number {
  return (Date.parse(`${end}T00:00:00Z`) - Date.parse(`${start}T00:00:00Z`)) / DAY_MS;
}

/** The last anchor day at or before a day. Anchor 31 is the last day of shorter months. */
export function anchorBefore(day: Day, anchor: number): Day {
  const own = anchorInMonth(day, 0, anchor);
  return own <= day ? own : anchorInMonth(day, -1, anchor);
}

/** The first anchor day after a day. */
export function anchorAfter(day: Day, anchor: number): Day {
  const own = anchorInMonth(day, 0, anchor);
  return own > day ? own : anchorInMonth(day, 1, anchor);
}

/**
 * Periods of a client that are over on its local day `today`, oldest first: the months from anchor
 * day to anchor day with a day of service in them.
 */
export function periodsOver(client: ClientRow, today: Day): Period[] {
  const [first] = client.service.map(({ starts_on }) => starts_on).sort();
  if (first === undefined) return [];
  const periods: Period[] = [];
  let start = anchorBefore(first, client.billing_anchor_day);
  for (;;) {
    const end = anchorAfter(start, client.billing_anchor_day);
    if (end > today) return periods;
    if (servedDays(client, { start, end }).length > 0) periods.push({ start, end });
    start = end;
  }
}

/** The days of a period on which a client is served, in order. */
export function servedDays(client: ClientRow, period: Period): Day[] {
  const days: Day[] = [];
  for (let day = period.start; day < period.end; day = addDays(day, 1)) {
    const isServed = client.service.some(({ starts_on, ends_on }) =>
      starts_on <= day && day < ends_on
    );
    if (isServed) days.push(day);
  }
  return days;
}

/** Says on which of the client's local days an instant falls. */
export function localDays(client: ClientRow, zones: readonly ZoneRow[]): (at: bigint) => Day {
  const history = zones.filter((zone) => zone.client_id === client.id)
    .sort((a, b) => a.effective_from < b.effective_from ? -1 : 1);
  const rows = history.length > 0
    ? history
    : [{ effective_from: "-infinity", time_zone: client.time_zone }];
  let previous = "UTC";
  const spans = rows.map((row) => {
    // A zone begins at the midnight that ends the last day of the zone before it.
    const starts = row.effective_from === "-infinity"
      ? -ENDLESS
      : midnight(row.effective_from, previous);
    previous = row.time_zone;
    return { starts, firstDay: row.effective_from, dayOf: zoneDays(row.time_zone) };
  }).reverse();
  return (at) => {
    const span = spans.find((candidate) => candidate.starts <= at);
    if (span === undefined) throw new RangeError(`${client.name} has no zone at ${at}`);
    const day = span.dayOf(at);
    return day < span.firstDay ? span.firstDay : day;
  };
}

function anchorInMonth(day: Day, monthsLater: number, anchor: number): Day {
  const year = Number(day.slice(0, 4));
  const month = Number(day.slice(5, 7)) - 1 + monthsLater;
  const lastDate = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return new Date(Date.UTC(year, month, Math.min(anchor, lastDate))).toISOString().slice(0, 10);
}

function zoneDays(timeZone: string): (at: bigint) => Day {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  });
  return (at) => format.format(floorToMilliseconds(at));
}

/** The first instant of a local day, to the second: found by halving, so gaps do not matter. */
function midnight(day: Day, timeZone: string): bigint {
  const dayOf = zoneDays(timeZone);
  const nominal = BigInt(Date.parse(`${day}T00:00:00Z`)) * 1000n;
  let before = nominal - 2n * BigInt(DAY_MS) * 1000n;
  let from = nominal + 2n * BigInt(DAY_MS) * 1000n;
  while (from - before > 1_000_000n) {
    const middle = (before + from) / 2_000_000n * 1_000_000n;
    if (dayOf(middle) < day) before = middle;
    else from = middle;
  }
  return from;
}

function floorToMilliseconds(at: bigint): number {
  const floored = at / 1000n;
  return Number(at < 0n && floored * 1000n !== at ? floored - 1n : floored);
}
