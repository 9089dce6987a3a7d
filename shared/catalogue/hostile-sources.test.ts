import assert from "node:assert/strict";
import { test } from "node:test";
import { PriceSync } from "../api/catalogue.ts";
import { SourceUnreadable } from "./list-price.ts";
import { PRICE_SOURCES, type PriceSource, readSource } from "./sources.ts";
import { givenModels } from "./sync-batches.ts";

// Bodies that begin as a source's and were spoiled: they are read or refused, and what is read of
// them is what the database takes. SEED repeats a run.
const seed = Number(Deno.env.get("SEED") ?? "20261129");

const fixture = (name: string) =>
  Deno.readTextFileSync(new URL(`./fixtures/${name}.json`, import.meta.url));
const BODIES: Readonly<Record<PriceSource, string>> = {
  litellm: `{"claude-x": {"litellm_provider": "anthropic", "mode": "chat",
    "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
    "input_cost_per_token_above_200k_tokens": 6e-06, "input_cost_per_token_batches": 1.5e-06,
    "deprecation_date": "2026-12-31", "alias_of": null,
    "search_context_cost_per_query": {"search_context_size_medium": 0.01},
    "tiered_pricing": [{"range": [0, 32000.0], "output_cost_per_image": 0.1},
      {"range": [32000.0, 256000.0], "output_cost_per_image": 0.2},
      {"max_results_range": [0, 25], "input_cost_per_query": 0.005}],
    "provider_specific_entry": {"us": 1.1, "fast": 2.0},
    "off_peak_pricing": {"input_cost_per_token": 1e-06}}}`,
  openrouter: fixture("openrouter"),
  "models.dev": fixture("models-dev"),
};
const VALUES = [
  "-1",
  "0",
  "1e308",
  "1e-308",
  "1e50",
  "1e-50",
  "0.5",
  "-0",
  "9".repeat(400),
  "0." + "1".repeat(400),
  '"NaN"',
  '"-1"',
  '"\\u0000"',
  '"\\ud800"',
  "null",
  "true",
  "[]",
  "{}",
  '{"__proto__": 1}',
  '"<script>"',
  '"2026-99-99"',
  `"${"x".repeat(5000)}"`,
];
const NAMES = ['"__proto__"', '"constructor"', '""', '"input_cost_per_token_priority"', '"cost"'];

/** A generator of whole numbers below a bound, the same for the same seed (mulberry32). */
function numbers(from: number): (below: number) => number {
  let state = from >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** The body with one thing spoiled: a value, a name, a character, or its end. */
function spoiled(body: string, pick: (below: number) => number): string {
  const some = (pattern: RegExp, others: readonly string[]) => {
    const found = [...body.matchAll(pattern)];
    const match = found[pick(found.length)];
    if (match === undefined) return body;
    const at = match.index + match[0].length - (match[1] ?? "").length;
    return body.slice(0, at) + others[pick(others.length)] +
      body.slice(at + (match[1] ?? "").length);
  };
  switch (pick(7)) {
    case 0:
      return body.slice(0, pick(body.length));
    case 1: {
      const at = pick(body.length);
      return body.slice(0, at) + String.fromCharCode(pick(256)) + body.slice(at + 1);
    }
    case 2:
      return some(/(-?\d[\d.e+-]*)/g, VALUES);
    case 3:
      return some(/("[^"]*")(?=\s*:)/g, NAMES);
    default:
      return some(/:\s*("[^"]*"|-?[\d.][\d.e+-]*|null|\[[^[\]]*\]|\{[^{}]*\})/g, VALUES);
  }
}

test("a spoiled body is refused, or what is read of it is what the database takes", () => {
  const pick = numbers(seed);
  const outcomes = { read: 0, refused: 0 };
  for (const source of PRICE_SOURCES) {
    for (let run = 0; run < 400; run++) {
      let body = BODIES[source];
      for (let times = 1 + pick(3); times > 0; times--) body = spoiled(body, pick);
      try {
        const catalogue = readSource(source, body);
        outcomes.read++;
        const models = givenModels(catalogue);
        const hash = "0".repeat(64);
        const fetched_at = "2026-11-29T00:00:00Z";
        if (models.length === 0) continue;
        PriceSync.parse({ source, sha256: hash, fetched_at, total: models.length, models });
        const ids = models.map(({ id }) => id);
        assert.equal(new Set(ids).size, ids.length);
        for (const { prices } of models) {
          const keys = prices.map(({ metric, rate_class }) => `${metric} ${rate_class}`);
          assert.equal(new Set(keys).size, keys.length);
        }
      } catch (error) {
        const told = `SEED=${seed} ${source} run ${run}: ${String(error).slice(0, 500)}`;
        assert.ok(error instanceof SourceUnreadable, `${told}\n${body.slice(0, 3000)}`);
        outcomes.refused++;
      }
    }
  }
  assert.ok(outcomes.read > 200 && outcomes.refused > 200, JSON.stringify(outcomes));
});
