import { type Attribution, attributor } from "./attribution.ts";
import { type Day, parseInstant } from "./calendar.ts";
import {
  add,
  compare,
  type Fraction,
  isZero,
  max,
  min,
  parseDecimal,
  subtract,
  sum,
  whole,
  ZERO,
} from "./fraction.ts";
import { type ExactJson, isNumber, isObject, member, parseExactJson } from "./json.ts";
import { type RateClassifier, rateClassifier, STANDARD } from "./rate-class.ts";
import type { LogRow, World } from "./world.ts";

/** Units of one metric and rate class that one agent used of one model on one client-local day. */
export interface Usage {
  readonly clientId: string;
  readonly day: Day;
  readonly agent: string;
  readonly model: string;
  readonly metric: string;
  readonly rateClass: string;
  readonly quantity: Fraction;
  /** What agents logged as its cost, USD. */
  readonly cost: Fraction;
}

export type UnbillableReason =
  | "no_client"
  | "unknown_client"
  | "invalid_timestamp"
  | "invalid_metadata"
  | "invalid_feature"
  | "too_many_features"
  | "too_many_units";

export interface UsageOfLogs {
  readonly usage: readonly Usage[];
  /** Log rows that cannot be billed, by reason. */
  readonly unbillable: ReadonlyMap<UnbillableReason, number>;
}

/** What a log's counts are part of. */
interface Counting {
  readonly cache_read_within_input: boolean;
  readonly cache_write_within_input: boolean;
  readonly reasoning_within_output: boolean;
}
type Units = readonly (readonly [metric: string, quantity: Fraction])[];
/** Tokens have the rate class of their call; all other units are standard. */
type ClassedUnits = readonly (readonly [metric: string, rateClass: string, quantity: Fraction])[];

/** Characters of a count, its sign aside, and of a feature's name; longer ones are mistakes, not usage. */
const LONGEST_NUMBER = 30;
const LONGEST_NAME = 200;
/** Features that one call may have. */
const MOST_FEATURES = 50;
/** A row of several calls may have as many times the units of one as it has calls, up to these. */
const MOST_CALLS = 1000n;
/** What a log counts in columns and metadata. */
const BUILT_IN: ReadonlySet<string> = new Set([
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "web_searches",
  "requests",
]);
/** Features that are input of the model, beside input and cache tokens. */
const INPUT_FEATURES: ReadonlySet<string> = new Set([
  "cache_write_1h_tokens",
  "input_audio_tokens",
  "input_image_tokens",
]);
/** No agent ran before or after these; days far beyond would fall out of any calendar. */
const FIRST_INSTANT = parseInstant("1970-01-01T00:00:00");
const LAST_INSTANT = parseInstant("2200-01-01T00:00:00");
const EXCLUSIVE: Counting = {
  cache_read_within_input: false,
  cache_write_within_input: false,
  reasoning_within_output: false,
};
const INCLUSIVE: Counting = {
  cache_read_within_input: true,
  cache_write_within_input: true,
  reasoning_within_output: true,
};

/** Adds up what the logs say each client used. */
export function usageOfLogs(world: World): UsageOfLogs {
  const attribute = attributor(world);
  const providerOf = providers(world);
  const classOf = rateClassifier(world);
  const mostUnits = BigInt(world.max_units_per_event);
  const totals = new Map<string, Usage>();
  const unbillable = new Map<UnbillableReason, number>();
  for (const log of world.logs) {
    const units = unitsOf(log, attribute(log), providerOf(log.model), classOf, mostUnits);
    if ("reason" in units) {
      unbillable.set(units.reason, (unbillable.get(units.reason) ?? 0) + 1);
      continue;
    }
    const { client, day } = units;
    const costs = costsOf(log, units.units);
    for (const [metric, rateClass, quantity] of units.units) {
      if (isZero(quantity)) continue;
      const key = JSON.stringify([client.id, day, log.agent, log.model, metric, rateClass]);
      const before = totals.get(key);
      totals.set(key, {
        clientId: client.id,
        day,
        agent: log.agent,
        model: log.model,
        metric,
        rateClass,
        quantity: add(before?.quantity ?? ZERO, quantity),
        cost: add(before?.cost ?? ZERO, costs.get(metric) ?? ZERO),
      });
    }
  }
  return { usage: [...totals.values()], unbillable };
}

/**
 * What a call cost, by metric: its input and its output have theirs where they are some, and the
 * call has the rest.
 */
function costsOf(log: LogRow, units: ClassedUnits): ReadonlyMap<string, Fraction> {
  const used = new Set(
    units.flatMap(([metric, , quantity]) => isZero(quantity) ? [] : [metric]),
  );
  const costs = new Map<string, Fraction>();
  let rest = parseDecimal(log.total_cost ?? "0");
  for (
    const [metric, cost] of [["input_tokens", log.input_cost], [
      "output_tokens",
      log.output_cost,
    ]] as const
  ) {
    for (const name of [metric, `unmapped_${metric}`]) {
      if (!used.has(name)) continue;
      const amount = parseDecimal(cost ?? "0");
      costs.set(name, amount);
      rest = subtract(rest, amount);
    }
  }
  return costs.set("requests", rest);
}

/** How the provider of a model counts; undefined where it is not known. */
function providers(world: World): (model: string) => Counting | undefined {
  const byId = new Map(world.providers.map((provider) => [provider.id, provider]));
  const byModel = new Map(world.models.map(({ id, provider }) => [id, byId.get(provider ?? "")]));
  return (model) => byModel.get(model);
}

interface Tokens {
  readonly units: Units;
  /** All that the model read, cached or not. */
  readonly wholeInput: Fraction;
  /** As the log has them, whatever they are part of. */
  readonly logged: readonly Fraction[];
}

type Billable = Extract<Attribution, { client: unknown }> & { readonly units: ClassedUnits };

function unitsOf(
  log: LogRow,
  attribution: Attribution,
  provider: Counting | undefined,
  classOf: RateClassifier,
  mostUnits: bigint,
): Billable | { readonly reason: UnbillableReason } {
  if ("reason" in attribution) return attribution;
  const at = parseInstant(log.timestamp);
  if (at < FIRST_INSTANT || at >= LAST_INSTANT) return { reason: "invalid_timestamp" };
  const tokens = tokensOf(log, provider);
  if (tokens === undefined) return { reason: "invalid_metadata" };
  const features = featuresOf(log);
  if (features === undefined) return { reason: "invalid_feature" };
  if (features.length > MOST_FEATURES) return { reason: "too_many_features" };
  const searches = whole(BigInt(log.web_searches));
  const most = whole(mostUnits * boundingCalls(BigInt(log.calls)));
  const counts = [...tokens.logged, searches, ...features.map(([, count]) => count)];
  if (counts.some((count) => compare(max(count, subtract(ZERO, count)), most) > 0)) {
    return { reason: "too_many_units" };
  }
  const others: Units = [
    ["web_searches", searches],
    ["requests", whole(BigInt(log.calls))],
  ];
  const inFeatures = features.filter(([metric]) => INPUT_FEATURES.has(metric));
  const wholeInput = sum([tokens.wholeInput, ...inFeatures.map(([, quantity]) => quantity)]);
  const rateClass = classOf(log, wholeInput);
  const units: ClassedUnits = [
    ...tokens.units.map(([metric, quantity]) => [metric, rateClass, quantity] as const),
    ...others.map(([metric, quantity]) => [metric, STANDARD, quantity] as const),
    ...features.map(([metric, quantity]) =>
      [metric, metric.endsWith("_tokens") ? rateClass : STANDARD, quantity] as const
    ),
  ];
  return { ...attribution, units };
}

/** How many times the units of one call a row may have. */
function boundingCalls(calls: bigint): bigint {
  const size = calls < 0n ? -calls : calls;
  if (size > MOST_CALLS) return MOST_CALLS;
  return size === 0n ? 1n : size;
}

/**
 * Tokens, each counted once: what is reported as a part of input or output is taken out of it, as
 * the log says, else as its model's provider counts. A part larger than its whole is cut to the
 * whole. Where neither is known its tokens are counted under names that have no price.
 */
function tokensOf(log: LogRow, provider: Counting | undefined): Tokens | undefined {
  const input = whole(BigInt(log.input_tokens));
  const output = whole(BigInt(log.output_tokens));
  if (log.metadata === "{}") {
    return {
      units: [["input_tokens", input], ["output_tokens", output]],
      wholeInput: input,
      logged: [input, output],
    };
  }
  const metadata = parseExactJson(log.metadata);
  const read = countIn(metadata, "cache_read_tokens");
  const write = countIn(metadata, "cache_write_tokens");
  const reasoning = countIn(metadata, "reasoning_tokens");
  if (read === undefined || write === undefined || reasoning === undefined) return undefined;
  const said = countingIn(metadata);
  if (said === "invalid") return undefined;
  const known = said ?? provider;
  const within = known ?? EXCLUSIVE;
  const cached = within.cache_read_within_input ? partOf(read, input) : read;
  const uncached = within.cache_read_within_input ? subtract(input, cached) : input;
  const written = within.cache_write_within_input ? partOf(write, uncached) : write;
  const thought = within.reasoning_within_output ? partOf(reasoning, output) : reasoning;
  // A row that takes another back has the opposite sign in all that it counts.
  const negates = log.corrects_id !== null && member(metadata, "negates") !== undefined;
  const isWrong = (count: Fraction) => compare(count, ZERO) === (negates ? 1 : -1);
  if ([read, write, reasoning].some(isWrong)) return undefined;
  const isKnown = known !== undefined || [read, write, reasoning].every(isZero);
  const own = within.cache_write_within_input ? subtract(uncached, written) : uncached;
  const units: Units = [
    ["input_tokens", own],
    ["output_tokens", within.reasoning_within_output ? subtract(output, thought) : output],
    ["cache_read_tokens", cached],
    ["cache_write_tokens", written],
    ["reasoning_tokens", thought],
  ];
  const prefix = isKnown ? "" : "unmapped_";
  return {
    units: units.map(([metric, quantity]) => [`${prefix}${metric}`, quantity] as const),
    wholeInput: add(add(own, cached), written),
    logged: [input, output, read, write, reasoning],
  };
}

/** How a log says that it counts, if it does. */
function countingIn(metadata: ExactJson): Counting | "invalid" | undefined {
  const value = member(metadata, "counting");
  if (value === undefined || value === null) return undefined;
  if (value === "inclusive") return INCLUSIVE;
  return value === "exclusive" ? EXCLUSIVE : "invalid";
}

function countIn(metadata: ExactJson, key: string): Fraction | undefined {
  const value = member(metadata, key);
  return value === undefined || value === null ? ZERO : saneNumber(value);
}

function partOf(part: Fraction, all: Fraction): Fraction {
  if (isZero(all)) return ZERO;
  return compare(all, ZERO) < 0 ? max(part, all) : min(part, all);
}

function featuresOf(log: LogRow): Units | undefined {
  if (log.other_features === "{}") return [];
  const features = parseExactJson(log.other_features);
  if (!isObject(features)) return undefined;
  const units: (readonly [string, Fraction])[] = [];
  for (const [metric, count] of features) {
    const quantity = saneNumber(count);
    if (
      quantity === undefined || [...metric].length > LONGEST_NAME || isBuiltIn(metric) ||
      /\p{Cc}/u.test(metric)
    ) {
      return undefined;
    }
    units.push([metric, quantity]);
  }
  return units;
}

/** A feature called like a count of the log's own would be added to it. */
function isBuiltIn(metric: string): boolean {
  return metric.startsWith("batch_") || metric.startsWith("unmapped_") || BUILT_IN.has(metric);
}

/** Tokens of which it is not known what they are part of. */
export function isUnmapped(metric: string): boolean {
  return metric.startsWith("unmapped_");
}

/** A number that can be summed; one of thousands of digits is nobody's usage. */
function saneNumber(value: ExactJson): Fraction | undefined {
  return isNumber(value) && value.decimal.replace("-", "").length <= LONGEST_NUMBER
    ? parseDecimal(value.decimal)
    : undefined;
}
