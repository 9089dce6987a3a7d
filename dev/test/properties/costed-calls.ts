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

/**
 * Why our cost is meant to differ from LiteLLM's; undefined where it is not. Each reason also says
 * what LiteLLM's cost must then be.
 *
 * A pool without any rate is no difference of the amounts: LiteLLM charges nothing for it. With us
 * it has no price and blocks its period.
 */
export function intendedDifference(call: CostedCall, model: ListedModel): string | undefined {
  if (model.id === "gemini-exp-1206" && [call.input_cost, call.output_cost].every(isNothing)) {
    return "LiteLLM takes every model of Gemini with exp in its name for free; its map has prices";
  }
  if (
    model.prices.some(({ rateClass }) => rateClass === "off_peak") &&
    isSame(offPeakCost(call, model, INPUT), call.input_cost) &&
    isSame(offPeakCost(call, model, OUTPUT), call.output_cost)
  ) {
    return "LiteLLM takes the off-peak price by the hour at which it is asked; we by the class";
  }
  return undefined;
}

function isNothing(cost: string): boolean {
  return Number(cost) === 0;
}

/** What the pools of a call cost at off-peak prices, the standard ones where there are none. */
function offPeakCost(call: CostedCall, model: ListedModel, pools: Partial<typeof METRICS>): string {
  const rate = (metric: string) =>
    ["off_peak", "standard"].flatMap((rateClass) =>
      model.prices.filter((price) => price.metric === metric && price.rateClass === rateClass)
    )[0]?.amount;
  const costs = Object.entries(pools).map(([metric, pool]) =>
    call[pool] *
    Number(rate(metric) ?? (metric === "reasoning_tokens" ? rate("output_tokens") : undefined) ?? 0)
  );
  return String(costs.reduce((sum, cost) => sum + cost, 0));
}

/** Whether two amounts are the same but for the floats of LiteLLM. */
export function isSame(ours: string, theirs: string): boolean {
  return Math.abs(Number(ours) - Number(theirs)) <= 1e-9 * Math.max(1, Math.abs(Number(theirs)));
}
