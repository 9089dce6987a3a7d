import assert from "node:assert/strict";
import { test } from "node:test";
import { PriceSync } from "../api/catalogue.ts";
import { plainDecimal, product } from "./decimals.ts";
import { SourceUnreadable } from "./list-price.ts";
import { parseLitellm } from "./litellm.ts";
import { priceFieldsOnly } from "./snapshot-fields.ts";
import { snapshotUrl, unpacked } from "./snapshot.ts";
import { hashOf, syncBatches } from "./sync-batches.ts";

const snapshot = await unpacked(await Deno.readFile(snapshotUrl));

function pricesOf(entry: string): Record<string, string> {
  const [model] = parseLitellm(`{"m": {"litellm_provider": "p", ${entry}}}`).models;
  assert.ok(model);
  assert.deepEqual(model.inexpressible, []);
  return Object.fromEntries(
    model.prices.map((price) => [`${price.metric} ${price.rateClass}`, price.amount]),
  );
}

test("numbers keep their text: none passes through a float", () => {
  assert.equal(plainDecimal("3e-06"), "0.000003");
  assert.equal(plainDecimal("1.25e-6"), "0.00000125");
  assert.equal(plainDecimal("256000.0"), "256000");
  assert.equal(plainDecimal("1E+2"), "100");
  assert.equal(plainDecimal("0.10"), "0.1");
  assert.equal(plainDecimal("0.1234567890123456789012345"), "0.1234567890123456789012345");
  assert.equal(plainDecimal("-2.5e1"), "-25");
  assert.equal(product("1.1", "3e-06"), "0.0000033");
  assert.throws(() => plainDecimal("1e"), RangeError);
  assert.deepEqual(pricesOf(`"input_cost_per_token": 1.234567890123456789e-06`), {
    "input_tokens standard": "0.000001234567890123456789",
  });
});

test("every entry of LiteLLM's map is read, and 99 % of those with prices are expressible", () => {
  const { models, skipped } = parseLitellm(snapshot);
  assert.equal(models.length + skipped.length, 4878);
  assert.deepEqual(skipped.map(({ id }) => id), ["sample_spec"]);
  const inexpressible = models.filter((model) => model.inexpressible.length > 0)
    .map((model) => `${model.id}: ${model.inexpressible.join(", ")}`);
  // A guardrail is charged by the kind of its check: an object of prices of their own.
  assert.deepEqual(inexpressible, ["bedrock/guardrails: guardrail_cost_per_unit"]);
  const priced = models.filter(({ prices }) => prices.length > 0).length;
  assert.ok(inexpressible.length <= (priced + inexpressible.length) * 0.01);
  assert.ok(priced > 4600, `${priced} models have a price`);
});

test("a zero is no price", () => {
  assert.deepEqual(pricesOf(`"input_cost_per_token": 0.0, "output_cost_per_token": 1e-6`), {
    "output_tokens standard": "0.000001",
  });
});

test("tiers and thresholds are rate classes; the lowest threshold is long_context", () => {
  assert.deepEqual(
    pricesOf(`"input_cost_per_token": 1e-6, "input_cost_per_token_batches": 5e-7,
      "input_cost_per_token_above_272k_tokens": 2e-6,
      "input_cost_per_token_above_272k_tokens_priority": 4e-6,
      "cache_creation_input_token_cost_above_1hr": 6e-6`),
    {
      "input_tokens standard": "0.000001",
      "input_tokens batch": "0.0000005",
      "input_tokens long_context": "0.000002",
      "input_tokens priority+long_context": "0.000004",
      "cache_write_1h_tokens standard": "0.000006",
    },
  );
  const [model] = parseLitellm(
    `{"m": {"tiered_pricing": [{"range": [0, 32000.0], "input_cost_per_token": 1e-6},
      {"range": [32000.0, 256000.0], "input_cost_per_token": 2e-6},
      {"range": [256000.0, 1e6], "input_cost_per_token": 3e-6}]}}`,
  ).models;
  assert.deepEqual(
    model?.prices.map(({ rateClass, aboveTokens, amount }) => [rateClass, aboveTokens, amount]),
    [
      ["standard", null, "0.000001"],
      ["long_context", "32000", "0.000002"],
      ["long_context_2", "256000", "0.000003"],
    ],
  );
});

test("an uplift is a price of its class, of tokens only", () => {
  assert.deepEqual(
    pricesOf(`"input_cost_per_token": 3e-6, "input_cost_per_image": 0.1,
      "provider_specific_entry": {"us": 1.1, "fast": 2.0}`),
    {
      "input_tokens standard": "0.000003",
      "input_images standard": "0.1",
      "input_tokens regional": "0.0000033",
      "input_tokens fast": "0.000006",
    },
  );
});

test("an alias has the prices of its target", () => {
  const { models } = parseLitellm(
    `{"a": {"alias_of": "b"}, "b": {"litellm_provider": "p", "input_cost_per_token": 1e-6}}`,
  );
  assert.deepEqual(
    models.map(({ id, provider, aliasOf, prices }) => [id, provider, aliasOf, prices[0]?.amount]),
    [["a", "p", "b", "0.000001"], ["b", "p", null, "0.000001"]],
  );
});

test("fields that contradict each other, or are unknown, are told and never guessed", () => {
  const [model] = parseLitellm(
    `{"m": {"cache_read_input_token_cost": 1e-7, "input_cost_per_token_cache_hit": 2e-7,
      "input_cost_per_smell": 1}}`,
  ).models;
  assert.deepEqual(model?.inexpressible, [
    "input_cost_per_smell",
    "input_cost_per_token_cache_hit",
  ]);
  assert.deepEqual(model?.prices.map(({ amount }) => amount), ["0.0000001"]);
});

test("text that is cut off, or is no map, is refused", () => {
  assert.throws(() => parseLitellm(snapshot.slice(0, 100_000)), SourceUnreadable);
  assert.throws(() => parseLitellm("[]"), SourceUnreadable);
  assert.throws(() => parseLitellm(""), SourceUnreadable);
  assert.throws(() => parseLitellm(`{"m": 1}`), SourceUnreadable);
});

test("the snapshot keeps price fields and their numbers, a model a line", () => {
  assert.equal(
    priceFieldsOnly(`{"m": {"input_cost_per_token": 3.0e-06, "max_tokens": 5, "mode": "chat"}}`),
    `{\n"m":{"input_cost_per_token":3.0e-06,"mode":"chat"}\n}\n`,
  );
});

test("the snapshot fits the requests that bring it, far below the bytes that the API reads", async () => {
  const catalogue = parseLitellm(snapshot);
  const sha256 = await hashOf(snapshot);
  const batches = syncBatches(catalogue, 100);
  assert.equal(batches.flat().length, catalogue.models.length);
  for (const models of batches) {
    const body = {
      source: "litellm",
      sha256,
      fetched_at: "2026-11-29T00:00:00Z",
      total: 1,
      models,
    };
    assert.ok(JSON.stringify(body).length < 500_000);
    PriceSync.parse(body);
  }
});
