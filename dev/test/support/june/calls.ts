import type { DemoClient, ExactUsage, Workload } from "./client.ts";
import { costsOf, type DemoLog } from "./log.ts";
import { type Random, seededRandom, splitExactly, uuidOf } from "../random.ts";

const ENDPOINTS = [
  "chat",
  "deep-research",
  "summarize",
  "classify",
  "extract",
  "draft-reply",
] as const;
/** More work on weekdays; 1 June 2026 is a Monday. */
const DATES = Array.from({ length: 30 }, (_, index) => index + 1)
  .flatMap((date) => Array<number>((date - 1) % 7 < 5 ? 8 + Math.floor(date / 5) : 3).fill(date));
/** Most calls are short; some read whole books. */
const SIZES = [1, 1, 1, 1, 2, 2, 3, 5, 9] as const;

/** All calls of a client's June, the same on every machine. */
export function callsOf(client: DemoClient): DemoLog[] {
  const random = seededRandom(`june 2026 of ${client.externalId}`);
  const { usage } = client;
  if (usage === undefined) return [];
  return "calls" in usage
    ? Array.from({ length: usage.calls }, () => call(client, usage, random))
    : usage.flatMap((exact) => exactCalls(client, exact, random));
}

/** A timestamp of the wire for a client-local moment of June 2026. */
export function wireTimestamp(client: DemoClient, date: number, second: number, micro: number) {
  const utc = Date.UTC(2026, 5, date, 0, -client.juneOffset, second);
  return `${new Date(utc).toISOString().slice(0, 19)}.${String(micro).padStart(6, "0")}`;
}

/** How the client's rows say whose they are. */
export function claimOf(client: DemoClient): Pick<DemoLog, "client_id" | "metadata"> {
  const id = uuidOf(client.externalId);
  switch (client.claim) {
    case "assignment":
      return { metadata: {} };
    case "column":
      return { client_id: id, metadata: {} };
    case "metadata_id":
      return { metadata: { client_id: id } };
    case "metadata_external_id":
      return { metadata: { client_id: client.externalId } };
  }
}

function call(client: DemoClient, workload: Workload, random: Random): DemoLog {
  const model = random.pick(workload.models);
  const size = random.pick(SIZES);
  const input = random.between(250, 1400) * size;
  const output = random.between(60, 420) * Math.min(size, 4);
  const features = documents(workload, random);
  return row(client, random, {
    model,
    input_tokens: input,
    output_tokens: output,
    web_searches: random.chance(workload.searching ?? 0) ? random.between(1, 4) : 0,
    other_features: features,
  }, tokenNotes(workload, input, output, random));
}

function row(
  client: DemoClient,
  random: Random,
  counts: Pick<
    DemoLog,
    "model" | "input_tokens" | "output_tokens" | "web_searches" | "other_features"
  >,
  notes: Record<string, number | boolean> = {},
): DemoLog {
  const features = Object.values(counts.other_features).reduce((sum, count) => sum + count, 0);
  const claim = claimOf(client);
  return {
    ...claim,
    ...counts,
    ...costsOf(counts, features),
    agent: client.agents[random.below(client.agents.length)] ?? "NOBODY",
    endpoint: random.pick(ENDPOINTS),
    metadata: { ...claim.metadata, ...notes },
    timestamp: moment(client, random),
  };
}

/** Some moment of the days of service, mostly in office hours. */
function moment(client: DemoClient, random: Random): string {
  const [first, last] = [client.firstDate ?? 1, client.lastDate ?? 30];
  let date = DATES[random.below(DATES.length)] ?? first;
  while (date < first || date > last) date = DATES[random.below(DATES.length)] ?? first;
  const hour = random.chance(85) ? random.between(8, 18) : random.below(24);
  return wireTimestamp(client, date, hour * 3600 + random.below(3600), random.below(1_000_000));
}

function documents(workload: Workload, random: Random): Record<string, number> {
  if (!random.chance(workload.documents ?? 0)) return {};
  const pages = random.between(1, 6);
  return random.chance(70)
    ? { pdf_processing: pages }
    : { pdf_processing: pages, image_processing: random.between(1, 3) };
}

/** What newer agents tell in metadata; some count a little more cache than there was input. */
function tokenNotes(workload: Workload, input: number, output: number, random: Random) {
  const notes: Record<string, number | boolean> = {};
  if (random.chance(workload.caching ?? 0)) {
    notes.cache_read_tokens = Math.floor(input * random.between(10, 102) / 100);
    if (random.chance(40)) notes.cache_write_tokens = random.between(100, 2000);
  }
  if (random.chance(workload.reasoning ?? 0)) {
    notes.reasoning_tokens = Math.floor(output * random.between(5, 60) / 100);
  }
  if (random.chance(workload.batch ?? 0)) notes.batch = true;
  return notes;
}

function exactCalls(client: DemoClient, exact: ExactUsage, random: Random): DemoLog[] {
  const inputs = splitExactly(exact.inputTokens, exact.calls, random);
  const outputs = splitExactly(exact.outputTokens, exact.calls, random);
  const searches = splitExactly(exact.searches, exact.calls, random);
  return inputs.map((input_tokens, index) =>
    row(client, random, {
      model: exact.model,
      input_tokens,
      output_tokens: outputs[index] ?? 0,
      web_searches: searches[index] ?? 0,
      other_features: {},
    })
  );
}
