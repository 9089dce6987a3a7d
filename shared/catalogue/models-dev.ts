import { type ExactJson, isObject, numberOf, textOf } from "./exact-json.ts";
import { type Catalogue, type ListedModel, SourceUnreadable } from "./list-price.ts";
import { isName, readObject } from "./source-text.ts";
import { listPrices, type StatedPrice } from "./stated-price.ts";

type Entry = { readonly [name: string]: ExactJson };

/** Fields of `cost`: USD for a million. */
const METRICS: ReadonlyMap<string, string> = new Map(Object.entries({
  input: "input_tokens",
  output: "output_tokens",
  reasoning: "reasoning_tokens",
  cache_read: "cache_read_tokens",
  cache_write: "cache_write_tokens",
  input_audio: "input_audio_tokens",
  output_audio: "output_audio_tokens",
}));
const MILLIONTH = "0.000001";

/** Modes of a model that have a price of their own and are rate classes. */
const MODES: ReadonlySet<string> = new Set(["fast", "priority", "flex", "batch"]);

/**
 * What LiteLLM puts before a provider's model ids, so that one model has one id in all sources.
 * A provider that is not here goes by its own name.
 */
const PREFIXES: ReadonlyMap<string, string> = new Map(Object.entries({
  openai: "",
  anthropic: "",
  cohere: "",
  "amazon-bedrock": "",
  google: "gemini/",
  "google-vertex": "vertex_ai/",
  "google-vertex-anthropic": "vertex_ai/",
  vercel: "vercel_ai_gateway/",
  "fireworks-ai": "fireworks_ai/",
  togetherai: "together_ai/",
  "github-copilot": "github_copilot/",
  "novita-ai": "novita/",
  moonshotai: "moonshot/",
  alibaba: "dashscope/",
}));

/**
 * Reads models.dev's `api.json`: `{ provider: { id, models: { id: { cost } } } }`. Throws
 * `SourceUnreadable` on anything else.
 */
export function parseModelsDev(text: string): Catalogue {
  const models = new Map<string, ListedModel>();
  const skipped: { id: string; reason: string }[] = [];
  for (const [provider, entry] of Object.entries(readObject(text))) {
    if (!isObject(entry) || !isObject(entry.models)) {
      throw new SourceUnreadable(`a provider without models: ${provider.slice(0, 100)}`);
    }
    for (const [name, model] of Object.entries(entry.models)) {
      if (!isObject(model)) throw new SourceUnreadable(`${name.slice(0, 100)} is not an object`);
      const id = (PREFIXES.get(provider) ?? `${provider}/`) + name;
      if (!isName(id) || !isName(provider)) {
        skipped.push({ id, reason: "its id cannot be kept" });
      } else if (models.has(id)) skipped.push({ id, reason: "it is there twice" });
      else models.set(id, readModel(id, provider, model));
    }
  }
  return { models: [...models.values()], skipped };
}

function readModel(id: string, provider: string, { cost, experimental }: Entry): ListedModel {
  return {
    id,
    provider,
    mode: null,
    aliasOf: null,
    deprecatedOn: null,
    ...readPrices(isObject(cost) ? cost : {}, experimental),
  };
}

function readPrices(
  cost: Entry,
  experimental: ExactJson | undefined,
): Pick<ListedModel, "prices" | "inexpressible"> {
  const { tiers, context_over_200k: over200k, ...fields } = cost;
  const unread: string[] = [];
  const stated = readFields(fields, "cost.", {}, unread);
  for (const [index, tier] of (Array.isArray(tiers) ? tiers : []).entries()) {
    const where = `cost.tiers[${index}]`;
    const { tier: bound, ...rest } = isObject(tier) ? tier : {};
    const above = isObject(bound) && bound.type === "context" ? numberOf(bound.size) : undefined;
    if (above === undefined || !/^[1-9]\d{0,14}$/.test(above)) unread.push(where);
    else stated.push(...readFields(rest, `${where}.`, { above }, unread));
  }
  // The older way to say what `tiers` says; its name is right only where there are none.
  if (isObject(over200k) && !Array.isArray(tiers)) {
    const where = "cost.context_over_200k.";
    stated.push(...readFields(over200k, where, { above: "200000" }, unread));
  }
  const modes = isObject(experimental) && isObject(experimental.modes) ? experimental.modes : {};
  for (const [mode, own] of Object.entries(modes)) {
    if (!isObject(own) || !isObject(own.cost)) continue;
    const where = `experimental.modes.${mode.slice(0, 50)}.cost.`;
    if (MODES.has(mode)) stated.push(...readFields(own.cost, where, { tier: mode }, unread));
    else unread.push(where.slice(0, -1));
  }
  const { prices, inexpressible } = listPrices(stated);
  return { prices, inexpressible: [...unread, ...inexpressible] };
}

function readFields(
  fields: Entry,
  where: string,
  more: Pick<StatedPrice, "above" | "tier">,
  unread: string[],
): StatedPrice[] {
  const stated: StatedPrice[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) continue;
    const metric = METRICS.get(name);
    const written = numberOf(value) ?? textOf(value);
    if (metric === undefined || written === undefined) {
      unread.push(`${where}${name.slice(0, 100)}`);
      continue;
    }
    stated.push({ metric, field: `${where}${name}`, written, factor: MILLIONTH, ...more });
  }
  return stated;
}
