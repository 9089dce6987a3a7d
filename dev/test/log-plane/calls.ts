import type { LoggedCall } from "../../../shared/client/logged-call.ts";
import { seededRandom } from "../support/random.ts";

/** One call of the month, of any agent. */
export type Call = Omit<LoggedCall, "agent"> & { readonly at: Date };

export const MONTH = "2025-05";
const MODELS = ["claude-sonnet-4-20250514", "gpt-4o-mini", "gemini-1.5-pro"] as const;
const MINUTES = 60_000;
const DAY = 86_400_000;
/** Few days, so that windows have several calls; the first and the last minutes of each. */
const DAYS = [0, 3, 17, 30];
/** Ten minutes each, in their order. */
const SPANS = DAYS.flatMap((day) => [day * DAY, (day + 1) * DAY - 10 * MINUTES]);

/** The calls of the month in the order of their time, the same ones each time. */
export function* callsOf(count: number): Generator<Call> {
  const random = seededRandom("log plane");
  const start = Date.parse(`${MONTH}-01T00:00:00Z`);
  for (let index = 0; index < count; index += 1) {
    const place = index * SPANS.length / count;
    const span = Math.floor(place);
    const cached = random.chance(40);
    yield {
      at: new Date(start + (SPANS[span] ?? 0) + Math.floor((place - span) * 10 * MINUTES)),
      model: random.pick(MODELS),
      input_tokens: random.chance(1) ? 250_000 : random.below(4000),
      output_tokens: random.below(900),
      web_searches: random.below(3),
      total_cost: random.below(10_000) / 1e6,
      metadata: {
        request: String(random.below(1e6)),
        ...(cached ? { cache_read_tokens: random.below(3000) } : {}),
        ...(random.chance(10) ? { reasoning_tokens: random.below(1200) } : {}),
      },
      ...(random.chance(20) ? { other_features: { images: random.between(1, 4) } } : {}),
    };
  }
}

/**
 * Calls that no sum states, as agents write them: a text and more names than are taken among the
 * features, which are not billed in any way; a part of a token and half an image, which are.
 */
export const ODD_CALLS: readonly Readonly<Record<string, unknown>>[] = [
  { other_features: { images: "three" } },
  { other_features: { images: 1, nested: { pages: 2 } } },
  { other_features: Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`f${n}`, 1])) },
  { other_features: { images: 0.5 } },
  { other_features: { requests: 7 } },
  { other_features: { images: 1e40 } },
  { metadata: { cache_read_tokens: 2.5 }, input_tokens: 100 },
  { metadata: { cache_read_tokens: "many" }, input_tokens: 100 },
  { metadata: ["no", "object"], input_tokens: 100 },
  { calls: 12, input_tokens: 1200, other_features: { images: 12 } },
].map((call, index) => ({
  model: MODELS[0],
  timestamp: `${MONTH}-01T00:0${index % 5}:30Z`,
  ...call,
}));

/** An event of one of the agents; the same number is the same call of each. */
export function eventOf(way: string, { at, ...call }: Call, index: number): LoggedCall {
  return { id: idOf(way, index), agent: `${way} agent`, timestamp: at.toISOString(), ...call };
}

/** Ids follow time, as a logger's do; the last digits differ most. */
export function idOf(way: string, index: number): string {
  const hex = index.toString(16).padStart(12, "0");
  const kind = (way.length % 16).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-0000000${kind}00${hex.slice(-2)}`;
}

/** So many at a time. */
export function* inBatches<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = [];
  for (const item of items) {
    batch.push(item);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}
