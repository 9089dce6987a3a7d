import type { LoggedCall } from "./logged-call.ts";

/** How calls are summed before they are sent. */
export interface WindowOptions {
  /** Length in milliseconds, of which 15 minutes are a multiple: then no window spans two days. */
  readonly milliseconds: number;
  /** Keys of metadata that are kept besides those that billing reads; each value has its own row. */
  readonly keep?: readonly string[];
}

/** Rows of windows that are still open. */
export interface CallWindows {
  /** Takes a call of this moment; returns what is to be sent now. */
  add(call: LoggedCall, at: Date): LoggedCall[];
  /** Closes all windows; returns their rows. */
  close(): LoggedCall[];
  /** Rows that are open. */
  readonly size: number;
}

const QUARTER_HOUR = 15 * 60_000;
/** What attribution, counting and rate classes are read from. */
const READ = ["client_id", "counting", "batch", "service_tier", "speed", "inference_geo"];
const COUNTED = ["cache_read_tokens", "cache_write_tokens", "reasoning_tokens"] as const;
const COUNTS = ["input_tokens", "output_tokens", "web_searches"] as const;
const COSTS = ["input_cost", "output_cost", "feature_cost", "total_cost"] as const;
/** Least input from which a provider charges a call as long: what each call had must be seen. */
const MAYBE_LONG = 100_000;
/** USD of one row, below what the log can hold. */
const MOST_COST_MICRO = 9_999 * 1e6;

interface Row {
  readonly first: LoggedCall;
  readonly kept: Readonly<Record<string, unknown>>;
  calls: number;
  readonly sums: Map<string, number>;
  readonly features: Map<string, number>;
}

/**
 * Sums calls of one window that differ in nothing that is billed into one row, with `calls` as their
 * number. A call that a sum would not state exactly goes as it is: fractions of features, long
 * inputs, counts that are no safe integers.
 */
export function callWindows({ milliseconds, keep = [] }: WindowOptions): CallWindows {
  if (!(milliseconds > 0) || QUARTER_HOUR % milliseconds !== 0) {
    throw new RangeError(`15 minutes are no multiple of a window of ${milliseconds} ms`);
  }
  const kept = [...new Set([...READ, ...keep])].toSorted();
  const rows = new Map<string, Row>();
  let current = 0;
  const close = () => {
    const ready = [...rows.values()].map(asCall);
    rows.clear();
    return ready;
  };
  return {
    add: (call, at) => {
      const window = Math.floor(at.getTime() / milliseconds);
      const ready = window === current ? [] : close();
      current = window;
      const amounts = amountsOf(call);
      // A call with an id or a time of its own is a record of its own.
      if (amounts === null || call.id !== undefined || call.timestamp !== undefined) {
        return [...ready, call];
      }
      const metadata = Object.fromEntries(
        kept.filter((key) => call.metadata?.[key] !== undefined)
          .map((key) => [key, call.metadata?.[key]]),
      );
      const key = JSON.stringify([
        call.agent,
        call.endpoint,
        call.model,
        call.client_id,
        metadata,
        shapeOf(amounts),
        // A name that is not taken, or too many of them, are wrong with these calls alone.
        Object.keys(call.other_features ?? {}).toSorted(),
      ]);
      const row = rows.get(key);
      if (row !== undefined && addTo(row, call, amounts)) return ready;
      if (row !== undefined) ready.push(asCall(row));
      rows.delete(key);
      const fresh: Row = {
        first: { ...call, timestamp: at.toISOString() },
        kept: metadata,
        calls: 0,
        sums: new Map(),
        features: new Map(),
      };
      if (!addTo(fresh, call, amounts)) return [...ready, call];
      rows.set(key, fresh);
      return ready;
    },
    close,
    get size() {
      return rows.size;
    },
  };
}

/** Counts of a call, and its costs in millionths of a dollar; null where they cannot be summed. */
function amountsOf(call: LoggedCall): ReadonlyMap<string, number> | null {
  const amounts = new Map<string, number>();
  for (const name of COUNTS) amounts.set(name, call[name] ?? 0);
  for (const name of COSTS) amounts.set(name, Math.round((call[name] ?? 0) * 1e6));
  for (const name of COUNTED) {
    const count = call.metadata?.[name];
    if (count === undefined || count === null) continue;
    if (typeof count !== "number") return null;
    amounts.set(name, count);
  }
  const features = Object.entries(call.other_features ?? {});
  const whole = [...amounts.values(), ...features.map(([, amount]) => amount)].every((amount) =>
    Number.isSafeInteger(amount) && amount >= 0
  );
  const input = ["input_tokens", "cache_read_tokens", "cache_write_tokens"]
    .reduce((sum, name) => sum + (amounts.get(name) ?? 0), 0) +
    features.filter(([name]) => name.endsWith("_tokens")).reduce((sum, [, n]) => sum + n, 0);
  return whole && input <= MAYBE_LONG ? amounts : null;
}

/**
 * Of which calls a sum is read as each of them would be: whether there are parts at all, and which
 * parts are larger than the whole that they may be part of.
 */
function shapeOf(amounts: ReadonlyMap<string, number>): boolean[] {
  const [input, output, read, write, reasoning] = [
    "input_tokens",
    "output_tokens",
    ...COUNTED,
  ].map((name) => amounts.get(name) ?? 0);
  if (input === undefined || output === undefined) return [];
  return [
    ...COUNTED.map((name) => amounts.has(name)),
    (read ?? 0) + (write ?? 0) + (reasoning ?? 0) > 0,
    (read ?? 0) > input,
    (read ?? 0) + (write ?? 0) > input,
    (reasoning ?? 0) > output,
  ];
}

/** Adds a call to a row; false, and nothing added, where a sum would be too large. */
function addTo(row: Row, call: LoggedCall, amounts: ReadonlyMap<string, number>): boolean {
  const sums = [...amounts].map(([name, amount]) =>
    [name, (row.sums.get(name) ?? 0) + amount] as const
  );
  const features = Object.entries(call.other_features ?? {})
    .map(([name, amount]) => [name, (row.features.get(name) ?? 0) + amount] as const);
  const fits = [...sums, ...features].every(([, sum]) => Number.isSafeInteger(sum)) &&
    sums.every(([name, sum]) => !name.endsWith("_cost") || sum < MOST_COST_MICRO) &&
    new Set([...row.features.keys(), ...features.map(([name]) => name)]).size <= 50;
  if (!fits) return false;
  row.calls += call.calls ?? 1;
  for (const [name, sum] of sums) row.sums.set(name, sum);
  for (const [name, sum] of features) row.features.set(name, sum);
  return true;
}

function asCall({ first, kept, calls, sums, features }: Row): LoggedCall {
  const sum = (name: string) => sums.get(name) ?? 0;
  const counted = COUNTED.filter((name) => sums.has(name)).map((name) => [name, sum(name)]);
  return {
    ...first,
    calls,
    input_tokens: sum("input_tokens"),
    output_tokens: sum("output_tokens"),
    web_searches: sum("web_searches"),
    input_cost: sum("input_cost") / 1e6,
    output_cost: sum("output_cost") / 1e6,
    feature_cost: sum("feature_cost") / 1e6,
    total_cost: sum("total_cost") / 1e6,
    other_features: Object.fromEntries(features),
    metadata: { ...kept, ...Object.fromEntries(counted) },
  };
}
