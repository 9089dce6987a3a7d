import { isAboveZero, isNumber, plainDecimal, product } from "./decimals.ts";
import { type ExactJson, isObject, JsonNumber, numberOf, textOf } from "./exact-json.ts";
import {
  type Catalogue,
  type ListedModel,
  type ListPrice,
  SourceUnreadable,
} from "./list-price.ts";
import { isPriceField, type PriceField, priceField } from "./litellm-fields.ts";
import {
  ascending,
  dayOf,
  isListable,
  isName,
  longContextClass,
  readObject,
} from "./source-text.ts";

type Entry = { readonly [name: string]: ExactJson };

/** A price field with one number, wherever in the entry it stands. */
interface Stated {
  readonly field: PriceField;
  readonly name: string;
  readonly number: string;
  /** A threshold in tokens, for prices that state it beside the field. */
  readonly above?: string;
}

/** Multipliers of all token prices: the field that states one, and the class it makes. */
const UPLIFTS: Readonly<Record<string, string>> = {
  regional_endpoint_uplift_multiplier: "regional",
  regional_processing_uplift_multiplier_us: "regional",
  regional_processing_uplift_multiplier_eu: "regional_eu",
  fedramp_uplift_multiplier: "fedramp",
};
const SPECIFIC_UPLIFTS: Readonly<Record<string, string>> = { us: "regional", fast: "fast" };

/**
 * Reads LiteLLM's price map (`model_prices_and_context_window.json`). Throws `SourceUnreadable` on
 * text that is no such map, for example because it is cut off.
 */
export function parseLitellm(text: string): Catalogue {
  const map = readObject(text);
  const skipped = [{ id: "sample_spec", reason: "documents the format; prices of 0, no model" }]
    .filter(({ id }) => map[id] !== undefined);
  const models: ListedModel[] = [];
  for (const [id, entry] of Object.entries(map)) {
    if (id === "sample_spec") continue;
    if (!isObject(entry)) throw new SourceUnreadable(`${id.slice(0, 100)} is not an object`);
    if (isName(id)) models.push(readModel(id, entry, map));
    else skipped.push({ id, reason: "its id cannot be kept" });
  }
  return { models, skipped };
}

function readModel(id: string, own: Entry, map: Entry): ListedModel {
  const aliasOf = nameOf(own.alias_of) ?? null;
  const target = aliasOf === null ? own : map[aliasOf];
  const entry = isObject(target) ? target : own;
  return {
    id,
    provider: nameOf(entry.litellm_provider) ?? "unknown",
    mode: nameOf(entry.mode) ?? null,
    aliasOf,
    deprecatedOn: dayOf(entry.deprecation_date),
    ...readPrices(entry),
  };
}

function nameOf(value: ExactJson | undefined): string | undefined {
  const name = textOf(value);
  return name !== undefined && name.length <= 200 && isName(name) ? name : undefined;
}

/** A number that can be read exactly; one of a thousand digits cannot. */
function exactNumber(value: ExactJson | undefined): string | undefined {
  const number = numberOf(value);
  return number !== undefined && isNumber(number) ? number : undefined;
}

function readPrices(entry: Entry): Pick<ListedModel, "prices" | "inexpressible"> {
  const inexpressible: string[] = [];
  const stated: Stated[] = [];
  for (const [name, value] of Object.entries(entry)) {
    if (!isPriceField(name)) continue;
    const found = readField(name, value);
    if (found === undefined) inexpressible.push(name);
    else stated.push(...found);
  }
  const thresholds = ascending(stated.flatMap((price) => threshold(price) ?? []));
  const prices = new Map<string, ListPrice>();
  for (const price of [...stated, ...uplifts(entry, stated)].flatMap(toListPrice(thresholds))) {
    const key = `${price.metric} ${price.rateClass}`;
    const other = prices.get(key);
    if (!isListable(price)) inexpressible.push(price.field);
    else if (other === undefined) prices.set(key, price);
    // Two fields of one meaning: the first holds where they agree, neither is guessed otherwise.
    else if (other.amount !== price.amount) inexpressible.push(price.field);
  }
  return { prices: [...prices.values()], inexpressible };
}

/** What a field states; undefined where it cannot be told. */
function readField(name: string, value: ExactJson): readonly Stated[] | undefined {
  if (name === "tiered_pricing" && Array.isArray(value)) return readTiers(value);
  if (name === "search_context_cost_per_query" && isObject(value)) return readSearches(value);
  if (name === "off_peak_pricing" && isObject(value)) return readOffPeak(value);
  const field = priceField(name);
  const number = exactNumber(value);
  return field === undefined || number === undefined ? undefined : [{ field, name, number }];
}

function inner(name: string, where: string, value: ExactJson, more: Partial<PriceField> = {}) {
  const field = priceField(name);
  const number = exactNumber(value);
  return field === undefined || number === undefined
    ? undefined
    : { field: { ...field, ...more }, name: `${where}.${name}`, number };
}

/** `[{ range: [0, 256000], input_cost_per_token }, …]`, or ranges of results of a search. */
function readTiers(tiers: readonly ExactJson[]): readonly Stated[] | undefined {
  const stated: Stated[] = [];
  for (const [index, tier] of tiers.entries()) {
    if (!isObject(tier)) return undefined;
    const bounds = tier.range ?? tier.max_results_range;
    if (!Array.isArray(bounds)) return undefined;
    const [from, upto] = bounds.map((bound: ExactJson) => exactNumber(bound));
    if (from === undefined) return undefined;
    const results = tier.max_results_range === undefined
      ? undefined
      : `results_${plainDecimal(from)}_${upto === undefined ? "up" : plainDecimal(upto)}`;
    for (const [name, value] of Object.entries(tier)) {
      if (!isPriceField(name)) continue;
      const found = inner(name, `tiered_pricing[${index}]`, value, { variant: results });
      if (found === undefined) return undefined;
      const isFirst = !isAboveZero(from);
      stated.push(
        results !== undefined || isFirst ? found : { ...found, above: plainDecimal(from) },
      );
    }
  }
  return stated;
}

/** By how much context a search brings; the middle one is what a search costs. */
function readSearches(sizes: Entry): readonly Stated[] | undefined {
  const stated: Stated[] = [];
  for (const [name, value] of Object.entries(sizes)) {
    const size = /^search_context_size_(low|medium|high)$/.exec(name)?.[1];
    const number = exactNumber(value);
    if (size === undefined || number === undefined) return undefined;
    // A class without a price of its own costs what standard does.
    if (size !== "medium" && number === exactNumber(sizes.search_context_size_medium)) continue;
    stated.push({
      field: {
        metric: "web_searches",
        tier: undefined,
        aboveThousands: undefined,
        variant: size === "medium" ? undefined : `search_${size}`,
        per: "1",
      },
      name: `search_context_cost_per_query.${name}`,
      number,
    });
  }
  return stated;
}

function readOffPeak(prices: Entry): readonly Stated[] | undefined {
  const stated: Stated[] = [];
  for (const [name, value] of Object.entries(prices)) {
    if (!isPriceField(name)) continue;
    const found = inner(name, "off_peak_pricing", value, { tier: "off_peak" });
    if (found === undefined) return undefined;
    stated.push(found);
  }
  return stated;
}

/** Standard prices of tokens times the uplifts that the entry states. */
function uplifts(entry: Entry, stated: readonly Stated[]): readonly Stated[] {
  const specific = isObject(entry.provider_specific_entry) ? entry.provider_specific_entry : {};
  const factors = [
    ...Object.entries(UPLIFTS).map(([name, tier]) => ({ name, tier, value: entry[name] })),
    ...Object.entries(SPECIFIC_UPLIFTS).map(([name, tier]) => ({
      name: `provider_specific_entry.${name}`,
      tier,
      value: specific[name],
    })),
  ];
  return factors.flatMap(({ name, tier, value }) =>
    value instanceof JsonNumber && isNumber(value.text)
      ? stated.filter(({ field, above }) =>
        field.metric.endsWith("_tokens") && field.tier === undefined &&
        field.variant === undefined && field.aboveThousands === undefined && above === undefined
      ).map((price) => ({
        field: { ...price.field, tier },
        name: `${price.name} * ${name}`,
        number: product(price.number, value.text),
      }))
      : []
  );
}

function threshold({ field, above }: Stated): string | undefined {
  return above ?? (field.aboveThousands === undefined ? undefined : `${field.aboveThousands}000`);
}

/** A zero says that there is no price: nothing is free by it. */
function toListPrice(thresholds: readonly string[]): (stated: Stated) => readonly ListPrice[] {
  return (stated) => {
    const { field, name, number } = stated;
    if (!isAboveZero(number)) return [];
    const above = threshold(stated) ?? null;
    const long = above === null ? undefined : longContextClass(above, thresholds);
    const parts = [field.tier, field.variant, long].filter((part) => part !== undefined);
    return [{
      metric: field.metric,
      rateClass: parts.length === 0 ? "standard" : parts.join("+"),
      aboveTokens: above,
      amount: field.per === "1000" ? product(number, "0.001") : plainDecimal(number),
      field: name,
      written: number,
    }];
  };
}
