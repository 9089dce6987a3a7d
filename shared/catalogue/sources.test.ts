import assert from "node:assert/strict";
import { test } from "node:test";
import { PriceSync } from "../api/catalogue.ts";
import { SourceUnreadable } from "./list-price.ts";
import { PRICE_SOURCES, type PriceSource, readSource } from "./sources.ts";
import { hashOf, syncBatches } from "./sync-batches.ts";

const fixture = (name: string) =>
  Deno.readTextFileSync(new URL(`./fixtures/${name}.json`, import.meta.url));

/** Each model's prices as `metric class (above): amount`. */
function pricesOf(source: PriceSource, text: string): Record<string, string[]> {
  return Object.fromEntries(
    readSource(source, text).models.map(({ id, prices }) => [
      id,
      prices.map(({ metric, rateClass, aboveTokens, amount }) =>
        `${metric} ${rateClass}${aboveTokens === null ? "" : ` (${aboveTokens})`}: ${amount}`
      ),
    ]),
  );
}

const openrouter = (pricing: string) => {
  const [model] =
    readSource("openrouter", `{"data": [{"id": "a/b", "pricing": ${pricing}}]}`).models;
  assert.ok(model);
  return model;
};
const modelsDev = (rest: string) => {
  const [model] = readSource("models.dev", `{"p": {"models": {"m": ${rest}}}}`).models;
  assert.ok(model);
  return model;
};

test("OpenRouter's models have OpenRouter's prices; -1 is none, and so is 0", () => {
  assert.deepEqual(pricesOf("openrouter", fixture("openrouter")), {
    "openrouter/openrouter/auto": [],
    "openrouter/anthropic/claude-opus-4.8": [
      "input_tokens standard: 0.000005",
      "output_tokens standard: 0.000025",
      "web_searches standard: 0.01",
      "cache_read_tokens standard: 0.0000005",
      "cache_write_tokens standard: 0.00000625",
      "cache_write_1h_tokens standard: 0.00001",
    ],
    "openrouter/stepfun/step-3.7-flash": [
      "input_tokens standard: 0.0000002",
      "output_tokens standard: 0.00000115",
      "cache_read_tokens standard: 0.00000004",
    ],
    "openrouter/anthropic/claude-sonnet-4.5": [
      "input_tokens standard: 0.000003",
      "output_tokens standard: 0.000015",
      "input_tokens long_context_2 (500000): 0.000009",
      "output_tokens long_context_2 (500000): 0.00003",
      "input_tokens long_context (200000): 0.000006",
      "output_tokens long_context (200000): 0.0000225",
    ],
  });
  const { models } = readSource("openrouter", fixture("openrouter"));
  assert.deepEqual(models.flatMap(({ inexpressible }) => inexpressible), []);
  assert.equal(models.at(-1)?.deprecatedOn, "2026-12-31");
});

test("models.dev's prices are for a million, exactly, under the ids that LiteLLM uses", () => {
  assert.deepEqual(pricesOf("models.dev", fixture("models-dev")), {
    "gpt-5.5": [
      "input_tokens standard: 0.000005",
      "output_tokens standard: 0.00003",
      "cache_read_tokens standard: 0.0000005",
      "input_tokens long_context (272000): 0.00001",
      "output_tokens long_context (272000): 0.000045",
      "cache_read_tokens long_context (272000): 0.000001",
    ],
    "xai/grok-4.6": [
      "input_tokens standard: 0.000002",
      "output_tokens standard: 0.000006",
      "cache_read_tokens standard: 0.0000005",
      "input_tokens long_context (200000): 0.000004",
      "output_tokens long_context (200000): 0.000012",
      "cache_read_tokens long_context (200000): 0.000001",
    ],
    "zai-coding-plan/glm-4.6": [],
    "gemini/gemini-2.5-flash": [
      "input_tokens standard: 0.0000003",
      "output_tokens standard: 0.0000025",
      "cache_read_tokens standard: 0.000000075",
      "input_audio_tokens standard: 0.000001",
    ],
    "groq/no-price": [],
  });
});

test("numbers of all sources keep their text", () => {
  const long = "0.1234567890123456789012345";
  assert.equal(openrouter(`{"prompt": "${long}"}`).prices[0]?.amount, long);
  assert.equal(openrouter(`{"prompt": ${long}}`).prices[0]?.amount, long);
  assert.equal(
    modelsDev(`{"cost": {"input": ${long}}}`).prices[0]?.amount,
    "0.0000001234567890123456789012345",
  );
  assert.equal(modelsDev(`{"cost": {"input": 1e-1}}`).prices[0]?.written, "1e-1");
});

test("what has no words is told by its field, and nothing is guessed", () => {
  assert.deepEqual(
    openrouter(`{"prompt": "0.1", "smell": "1", "taste": "0", "discount": 0,
      "overrides": [{"utc_start": 100, "prompt": "0.2"}]}`).inexpressible,
    ["smell", "overrides[0]"],
  );
  const discounted = openrouter(`{"prompt": "0.1", "discount": 0.5}`);
  assert.deepEqual([discounted.prices, discounted.inexpressible], [[], ["discount"]]);
  assert.deepEqual(
    modelsDev(`{"cost": {"input": 1, "smell": 2, "tiers": [{"tier": {"type": "day"}}]},
      "experimental": {"modes": {"fast": {"cost": {"input": 6}}, "odd": {"cost": {}}}}}`),
    {
      ...modelsDev(`{"cost": {"input": 1}}`),
      prices: [
        ...modelsDev(`{"cost": {"input": 1}}`).prices,
        {
          metric: "input_tokens",
          rateClass: "fast",
          aboveTokens: null,
          amount: "0.000006",
          field: "experimental.modes.fast.cost.input",
          written: "6",
        },
      ],
      inexpressible: ["cost.smell", "cost.tiers[0]", "experimental.modes.odd.cost"],
    },
  );
});

test("numbers that are none, or too large or long to keep, are no prices", () => {
  for (
    const bad of ['"NaN"', '"Infinity"', '"1e400"', '"1e99"', "true", "{}", '"0x10"', '" 1"', '""']
  ) {
    const { prices, inexpressible } = openrouter(`{"prompt": ${bad}}`);
    assert.deepEqual([prices, inexpressible], [[], ["prompt"]], bad);
  }
  const digits = "9".repeat(1_000_000);
  for (const [source, text] of hugeNumbers(digits)) {
    const [model] = readSource(source, text).models;
    assert.deepEqual([model?.prices, model?.inexpressible.length], [[], 1], source);
  }
});

function hugeNumbers(digits: string): readonly (readonly [PriceSource, string])[] {
  return [
    ["litellm", `{"m": {"input_cost_per_token": ${digits}}}`],
    ["litellm", `{"m": {"input_cost_per_token": 1e200}}`],
    ["openrouter", `{"data": [{"id": "m", "pricing": {"prompt": "${digits}"}}]}`],
    ["models.dev", `{"p": {"models": {"m": {"cost": {"input": ${digits}}}}}}`],
  ];
}

test("bodies of another kind are refused by each source, whatever they hold", () => {
  const bodies = [
    "",
    "null",
    "[]",
    '"text"',
    "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    "\0\0\0\0",
    '{"error": {"message": "rate limited"}}',
    '{"data": {}}',
    '{"data": [1]}',
    "[".repeat(200_000),
    `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    fixture("openrouter").slice(0, -20),
    fixture("models-dev").slice(0, -20),
  ];
  for (const source of PRICE_SOURCES) {
    for (const body of bodies) {
      const told = `${source}: ${body.slice(0, 30)}`;
      try {
        const { models } = readSource(source, body);
        assert.deepEqual(models.flatMap(({ prices }) => prices), [], told);
      } catch (error) {
        assert.ok(error instanceof SourceUnreadable, `${told}: ${String(error)}`);
        assert.ok(!error.message.includes("<"), told);
      }
    }
  }
  assert.throws(() => readSource("litellm", fixture("openrouter")), SourceUnreadable);
  assert.throws(() => readSource("openrouter", fixture("models-dev")), SourceUnreadable);
  assert.throws(() => readSource("models.dev", fixture("openrouter")), SourceUnreadable);
});

test("names that the database cannot keep are left out, and JavaScript's own mean nothing", () => {
  const names = ["a\\u0000b", "\\ud800", "", "x".repeat(400)];
  const data = names.map((id) => `{"id": "${id}x\\u0007", "pricing": {"prompt": "1"}}`).join(",");
  assert.deepEqual(readSource("openrouter", `{"data": [${data}]}`).models, []);
  const map = names.map((id) => `"${id}": {"input_cost_per_token": 1}`).join(",");
  assert.deepEqual(readSource("litellm", `{${map}}`).models, []);
  assert.deepEqual(readSource("litellm", `{${map}}`).skipped.length, 4);
  const [odd] = readSource(
    "litellm",
    `{"__proto__": {"constructor_cost": 1, "input_cost_per_token_constructor": 2,
      "litellm_provider": "\\u0000", "alias_of": "toString"}}`,
  ).models;
  assert.deepEqual([odd?.prices, odd?.inexpressible, odd?.provider], [
    [],
    ["constructor_cost", "input_cost_per_token_constructor"],
    "unknown",
  ]);
});

test("what is read is what the API takes", async () => {
  for (const [source, name] of [["openrouter", "openrouter"], ["models.dev", "models-dev"]]) {
    const text = fixture(name ?? "");
    const catalogue = readSource(source === "openrouter" ? source : "models.dev", text);
    const [models] = syncBatches(catalogue);
    PriceSync.parse({
      source,
      sha256: await hashOf(text),
      fetched_at: "2026-11-29T00:00:00Z",
      total: catalogue.models.length,
      models,
    });
  }
});
