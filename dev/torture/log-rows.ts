import { randomUUID } from "node:crypto";
import type { Random } from "../test/support/random.ts";
import { DAY, START } from "./calendar.ts";
import { CAST, FLOATING, idOf } from "./cast.ts";
import type { Offer } from "./ledger.ts";

/** A call as a writer sends it. */
export interface LogRow {
  readonly id: string;
  readonly agent: string;
  readonly model: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly web_searches: number;
  readonly other_features: Readonly<Record<string, unknown>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly timestamp: string;
  readonly client_id?: string;
}

const MODELS = ["claude-sonnet-4-20250514", "gpt-4o", "gemini-1.5-pro", "claude-haiku"] as const;

/**
 * A call of about now; one in eight is of up to two months ago. A few are nobody's, name a client
 * that does not exist, cannot be read, or are of a model without a price.
 */
export function randomRow(random: Random, now: Date): LogRow {
  const oddity = random.below(100);
  const agents = CAST.flatMap((client) => client.agents);
  const own = agents[random.below(agents.length)] ?? FLOATING[0];
  const back = random.chance(12) ? random.below(60) * DAY : 0;
  const at = Math.max(now.getTime() - back - random.below(2 * DAY), START);
  const metadata = metadataOf(random, oddity);
  // Now and then all of it was cached, or thought.
  const isWholeless = "reasoning_tokens" in metadata && random.chance(30);
  return {
    id: randomUUID(),
    agent: random.chance(15) ? random.pick(FLOATING) : own,
    model: oddity === 0 ? `mystery-${random.below(4)}` : random.pick(MODELS),
    input_tokens: isWholeless ? 0 : random.below(90_000),
    output_tokens: isWholeless ? 0 : random.below(20_000),
    web_searches: random.below(4),
    other_features: oddity === 1
      ? { crawls: "many" }
      : random.chance(20)
      ? { crawls: random.between(1, 40) }
      : {},
    metadata,
    timestamp: new Date(at).toISOString(),
    ...random.chance(5) ? { client_id: idOf(random.pick(CAST)) } : {},
  };
}

export function randomRows(random: Random, now: Date, most: number): LogRow[] {
  return Array.from({ length: random.between(1, most) }, () => randomRow(random, now));
}

function metadataOf(random: Random, oddity: number): Record<string, unknown> {
  if (oddity === 2) return { client_id: "nobody-we-know" };
  if (oddity === 3) return { cache_read_tokens: "a lot" };
  if (oddity < 20) {
    return { cache_read_tokens: random.below(50_000), reasoning_tokens: random.below(9000) };
  }
  if (oddity < 26) return { batch: true };
  if (oddity < 30) return { client_id: random.pick(CAST).name.toLowerCase() };
  return {};
}

/** The row with other counts under the same id. */
export function contradicted(row: LogRow): LogRow {
  return { ...row, output_tokens: row.output_tokens + 1 };
}

/** As the check prints a stored row; see `readPrints`. */
export function offerOf(row: LogRow): Offer {
  const { id, agent, model, input_tokens, output_tokens, web_searches, timestamp } = row;
  const crawls = String(row.other_features["crawls"] ?? "");
  const counts = [input_tokens, output_tokens, web_searches, crawls].join("/");
  return {
    id,
    print: [agent, model, counts, timestamp, row.client_id ?? ""].join(" "),
    odd: row.other_features["crawls"] === "many" || row.metadata["cache_read_tokens"] === "a lot",
  };
}

/** What a history says that these rows touch. */
export function touchedBy(rows: readonly LogRow[]): string[] {
  return [...new Set(rows.map(({ agent }) => `agent ${agent}`))];
}
