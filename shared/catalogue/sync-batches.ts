import type { Catalogue, ListedModel } from "./list-price.ts";

/** A model as `billing.sync_list_prices` takes it. */
export interface GivenModel {
  readonly id: string;
  readonly provider: string;
  readonly mode: string | null;
  readonly alias_of: string | null;
  readonly deprecated_on: string | null;
  readonly prices: {
    readonly metric: string;
    readonly rate_class: string;
    readonly above_tokens: string | null;
    readonly amount: string;
    readonly field: string;
    readonly written: string;
  }[];
}

/** The models of a catalogue, as the database takes them. */
export function givenModels({ models }: Catalogue): GivenModel[] {
  return models.map(givenModel);
}

/** The models of a catalogue in batches of which each is a request. */
export function syncBatches(catalogue: Catalogue, most = 500): GivenModel[][] {
  const given = givenModels(catalogue);
  return Array.from(
    { length: Math.ceil(given.length / most) },
    (_, index) => given.slice(index * most, (index + 1) * most),
  );
}

function givenModel(model: ListedModel): GivenModel {
  return {
    id: model.id,
    provider: model.provider,
    mode: model.mode,
    alias_of: model.aliasOf,
    deprecated_on: model.deprecatedOn,
    prices: model.prices.map((price) => ({
      metric: price.metric,
      rate_class: price.rateClass,
      above_tokens: price.aboveTokens,
      amount: price.amount,
      field: price.field,
      written: price.written,
    })),
  };
}

/** SHA-256 of a source's text, in hex. */
export async function hashOf(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
