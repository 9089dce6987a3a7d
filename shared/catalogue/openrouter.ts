import { isAboveZero, isNumber } from "./decimals.ts";
import { type ExactJson, isObject, numberOf, textOf } from "./exact-json.ts";
import { type Catalogue, type ListedModel, SourceUnreadable } from "./list-price.ts";
import { dayOf, isName, readObject } from "./source-text.ts";
import { listPrices, type StatedPrice } from "./stated-price.ts";

type Entry = { readonly [name: string]: ExactJson };

/** Fields of `pricing`: USD for one unit, as text. */
const METRICS: ReadonlyMap<string, string> = new Map(Object.entries({
  prompt: "input_tokens",
  completion: "output_tokens",
  internal_reasoning: "reasoning_tokens",
  input_cache_read: "cache_read_tokens",
  input_cache_write: "cache_write_tokens",
  input_cache_write_1h: "cache_write_1h_tokens",
  audio: "input_audio_tokens",
  audio_output: "output_audio_tokens",
  input_audio_cache: "cache_read_audio_tokens",
  image: "input_images",
  image_token: "input_image_tokens",
  image_output: "output_images",
  request: "requests",
  web_search: "web_searches",
}));

/**
 * Reads what OpenRouter's `/api/v1/models` answers: `{ data: [{ id, pricing }] }`. A model is
 * `openrouter/` and OpenRouter's id, as LiteLLM writes it: what OpenRouter charges for a model is no
 * price of its provider. Throws `SourceUnreadable` on anything else.
 */
export function parseOpenRouter(text: string): Catalogue {
  const { data } = readObject(text);
  if (!Array.isArray(data)) throw new SourceUnreadable("it has no list of models, `data`");
  const entries: readonly ExactJson[] = data;
  const models = new Map<string, ListedModel>();
  const skipped: { id: string; reason: string }[] = [];
  for (const entry of entries) {
    const given = isObject(entry) ? textOf(entry.id) : undefined;
    if (!isObject(entry) || given === undefined || !isObject(entry.pricing)) {
      throw new SourceUnreadable("a model without id or pricing");
    }
    const id = `openrouter/${given}`;
    if (!isName(id)) skipped.push({ id: given, reason: "its id cannot be kept" });
    else if (models.has(id)) skipped.push({ id: given, reason: "it is there twice" });
    else models.set(id, readModel(id, entry, entry.pricing));
  }
  return { models: [...models.values()], skipped };
}

function readModel(id: string, entry: Entry, pricing: Entry): ListedModel {
  return {
    id,
    provider: "openrouter",
    mode: null,
    aliasOf: null,
    deprecatedOn: dayOf(entry.expiration_date),
    ...readPrices(pricing),
  };
}

function readPrices(pricing: Entry): Pick<ListedModel, "prices" | "inexpressible"> {
  const { discount, overrides, ...fields } = pricing;
  // Whether prices are those before or after it is not said: none is guessed.
  if (discount !== undefined && !isNothing(discount)) {
    return { prices: [], inexpressible: ["discount"] };
  }
  const unread: string[] = [];
  const stated = readFields(fields, "", undefined, unread);
  for (const [index, override] of (Array.isArray(overrides) ? overrides : []).entries()) {
    const where = `overrides[${index}]`;
    const { min_prompt_tokens, ...rest } = isObject(override) ? override : {};
    const above = numberOf(min_prompt_tokens);
    // By the hour or the day of the week: the catalogue has no words for when.
    if (above === undefined || !/^[1-9]\d{0,14}$/.test(above)) unread.push(where);
    else stated.push(...readFields(rest, `${where}.`, above, unread));
  }
  if (overrides !== undefined && overrides !== null && !Array.isArray(overrides)) {
    unread.push("overrides");
  }
  const { prices, inexpressible } = listPrices(stated);
  return { prices, inexpressible: [...unread, ...inexpressible] };
}

function readFields(
  fields: Entry,
  where: string,
  above: string | undefined,
  unread: string[],
): StatedPrice[] {
  const stated: StatedPrice[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const metric = METRICS.get(name);
    const written = textOf(value) ?? numberOf(value);
    if (metric === undefined || written === undefined) {
      if (!isNothing(value)) unread.push(`${where}${name.slice(0, 100)}`);
      continue;
    }
    stated.push({
      metric,
      field: `${where}${name}`,
      written,
      factor: "1",
      ...above === undefined ? {} : { above },
    });
  }
  return stated;
}

/** Null, and a number of zero or less: `-1` is what depends on the model that a router picks. */
function isNothing(value: ExactJson | undefined): boolean {
  const written = textOf(value) ?? numberOf(value);
  return value === null || written !== undefined && isNumber(written) && !isAboveZero(written);
}
