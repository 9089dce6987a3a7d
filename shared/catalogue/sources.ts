import type { Catalogue } from "./list-price.ts";
import { parseLitellm } from "./litellm.ts";
import { parseModelsDev } from "./models-dev.ts";
import { parseOpenRouter } from "./openrouter.ts";

/** The sources of list prices; `public.price_sources` has a row for each. */
export const PRICE_SOURCES = ["litellm", "openrouter", "models.dev"] as const;

/** See the constant. */
export type PriceSource = (typeof PRICE_SOURCES)[number];

const READERS: Readonly<Record<PriceSource, (text: string) => Catalogue>> = {
  litellm: parseLitellm,
  openrouter: parseOpenRouter,
  "models.dev": parseModelsDev,
};

/** Reads the text of a source. Throws `SourceUnreadable` where it is none of that source. */
export function readSource(source: PriceSource, text: string): Catalogue {
  return READERS[source](text);
}
