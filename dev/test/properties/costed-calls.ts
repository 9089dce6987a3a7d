import { z } from "zod";
import type { ListedModel } from "../../../shared/catalogue/list-price.ts";

/**
 * Calls with what LiteLLM's calculator says that they cost. Its pools are exclusive; its prompt is
 * the sum of them.
 */
const count = z.int().default(0);
export const costedCall = z.object({
  model: z.string(),
  service_tier: z.enum(["priority", "flex"]).nullable().default(null),
  text_in: count,
  cache_read: count,
  cache_write_5m: count,
  cache_write_1h: count,
  audio_in: count,
  text_out: count,
  reasoning: count,
  audio_out: count,
  input_cost: z.string(),
  output_cost: z.string(),
});
export type CostedCall = z.infer<typeof costedCall>;

/** The metric of each pool. */
export const INPUT = {
  input_tokens: "text_in",
  cache_read_tokens: "cache_read",
  cache_write_tokens: "cache_write_5m",
  cache_write_1h_tokens: "cache_write_1h",
  input_audio_tokens: "audio_in",
} as const;
export const OUTPUT = {
  output_tokens: "text_out",
  reasoning_tokens: "reasoning",
  output_audio_tokens: "audio_out",
} as const;
export const METRICS = { ...INPUT, ...OUTPUT };

/** The rate class of a call: its tier, and the highest threshold that its whole input passes. */
export function classOf(call: CostedCall, model: ListedModel): string {
  const input = Object.values(INPUT).reduce((sum, pool) => sum + call[pool], 0);
  const passed = model.prices
    .flatMap(({ aboveTokens, rateClass }) =>
      aboveTokens !== null && input > Number(aboveTokens)
        ? [{ above: Number(aboveTokens), long: rateClass.split("+").at(-1) }]
        : []
    )
    .sort((a, b) => b.above - a.above);
  const parts = [call.service_tier, passed[0]?.long].filter((part) => typeof part === "string");
  return parts.length === 0 ? "standard" : parts.join("+");
}

/** Why our cost is meant to differ from LiteLLM's; undefined where it is not. */
export function intendedDifference(call: CostedCall, model: ListedModel): string | undefined {
  if (model.prices.some(({ rateClass }) => rateClass === "off_peak")) {
    return "LiteLLM takes the off-peak price by the hour at which it is asked; we by the class";
  }
  if (model.id === "gemini-exp-1206") {
    return "LiteLLM takes every model of Gemini with exp in its name for free; its map has prices";
  }
  const missing = Object.entries(METRICS).filter(([metric, pool]) =>
    call[pool] > 0 && !model.prices.some((price) =>
      price.metric === metric ||
      metric === "reasoning_tokens" && price.metric === "output_tokens"
    )
  );
  return missing.length === 0
    ? undefined
    : `LiteLLM charges nothing for what has no rate (${missing.map(([metric]) => metric)}); ` +
      "with us it has no price and blocks";
}

/** Whether two amounts are the same but for the floats of LiteLLM. */
export function isSame(ours: string, theirs: string): boolean {
  return Math.abs(Number(ours) - Number(theirs)) <= 1e-9 * Math.max(1, Math.abs(Number(theirs)));
}
