import assert from "node:assert/strict";
import { usageOfLogs } from "./usage.ts";
import { CLIENT, sampleLog, sampleWorld } from "./world.sample.ts";
import type { LogRow } from "./world.ts";

/** Units per metric of one log row, or why it cannot be billed. */
function units(parts: Partial<LogRow>): Record<string, string> | string {
  const { usage, unbillable } = usageOfLogs(sampleWorld({ logs: [sampleLog(parts)] }));
  const [reason] = unbillable.keys();
  return reason ?? Object.fromEntries(
    usage.filter(({ metric }) => metric !== "requests")
      .map(({ metric, rateClass, quantity: { n, d } }) => [
        rateClass === "standard" ? metric : `${rateClass} ${metric}`,
        d === 1n ? `${n}` : `${n}/${d}`,
      ]),
  );
}

const tokens = { input_tokens: "1000", output_tokens: "500" };
const metadata = '{"cache_read_tokens": 300, "cache_write_tokens": 7, "reasoning_tokens": 200}';
const apart = { cache_read_tokens: "300", cache_write_tokens: "7", reasoning_tokens: "200" };

Deno.test("each token is counted once, whatever the provider counts it within", () => {
  const used = (model: string) => units({ ...tokens, model, metadata });
  assert.deepEqual(used("claude-sonnet"), {
    input_tokens: "1000",
    output_tokens: "300",
    ...apart,
  });
  assert.deepEqual(used("gpt-4o"), { input_tokens: "700", output_tokens: "300", ...apart });
  assert.deepEqual(used("gemini-1.5-pro"), {
    input_tokens: "700",
    output_tokens: "500",
    ...apart,
  });
});

Deno.test("a log says how it counts, before the provider of its model", () => {
  const used = (model: string, counting: string) =>
    units({ ...tokens, model, metadata: `${metadata.slice(0, -1)}, "counting": ${counting}}` });
  for (const model of ["claude-sonnet", "gpt-4o", "gemini-1.5-pro", "unheard-of"]) {
    // 1000 − 300 − 7 and 500 − 200.
    assert.deepEqual(used(model, '"inclusive"'), {
      input_tokens: "693",
      output_tokens: "300",
      ...apart,
    });
    assert.deepEqual(used(model, '"exclusive"'), { ...tokens, ...apart });
    assert.equal(used(model, '"both"'), "invalid_metadata");
  }
  assert.deepEqual(used("gpt-4o", "null"), {
    input_tokens: "700",
    output_tokens: "300",
    ...apart,
  });
});

Deno.test("tokens of a model with unknown counting have names without a price", () => {
  const unknown = {
    unmapped_input_tokens: "1000",
    unmapped_output_tokens: "500",
    unmapped_cache_read_tokens: "300",
    unmapped_cache_write_tokens: "7",
    unmapped_reasoning_tokens: "200",
  };
  for (const model of ["unheard-of", "family-only"]) {
    assert.deepEqual(units({ ...tokens, model, metadata }), unknown);
    // Without parts nothing is unknown.
    assert.deepEqual(
      units({ ...tokens, model, metadata: '{"cache_read_tokens": 0}' }),
      tokens,
    );
  }
  assert.deepEqual(
    units({ model: "unheard-of", metadata: '{"reasoning_tokens": 2, "batch": true}' }),
    { "batch unmapped_reasoning_tokens": "2" },
  );
  assert.equal(units({ other_features: '{"unmapped_pages": 1}' }), "invalid_feature");
});

Deno.test("a part larger than its whole is cut to it", () => {
  assert.deepEqual(
    units({ ...tokens, model: "gpt-4o", metadata: '{"cache_read_tokens": 9000}' }),
    { output_tokens: "500", cache_read_tokens: "1000" },
  );
});

Deno.test("batch usage is told apart, for tokens only", () => {
  assert.deepEqual(units({ ...tokens, web_searches: "2", metadata: '{"batch": true}' }), {
    "batch input_tokens": "1000",
    "batch output_tokens": "500",
    web_searches: "2",
  });
  assert.deepEqual(units({ ...tokens, metadata: '{"batch": "true"}' }), tokens);
});

Deno.test("a call is of the class of the first condition that holds", () => {
  const classOf = (parts: Partial<LogRow>) => {
    const counted = units({ output_tokens: "1", ...parts });
    return typeof counted === "string"
      ? counted
      : Object.keys(counted).find((name) => name.endsWith("output_tokens"));
  };
  assert.equal(classOf({ metadata: '{"service_tier": "flex"}' }), "flex output_tokens");
  assert.equal(classOf({ metadata: '{"service_tier": "default"}' }), "output_tokens");
  const long = { model: "long-a", input_tokens: "1001" };
  assert.equal(classOf(long), "long_context output_tokens");
  assert.equal(classOf({ ...long, input_tokens: "1000" }), "output_tokens");
  assert.equal(
    classOf({ ...long, metadata: '{"batch": true}' }),
    "batch+long_context output_tokens",
  );
  // Cached tokens are part of the whole input, once.
  const cached = { input_tokens: "700", metadata: '{"cache_read_tokens": 600}' };
  assert.equal(classOf({ ...cached, model: "long-a" }), "long_context output_tokens");
  assert.equal(classOf({ ...cached, model: "long-o" }), "output_tokens");
  const negation = { corrects_id: CLIENT, input_tokens: "-1001", output_tokens: "-1" };
  assert.equal(classOf({ model: "long-a", ...negation }), "long_context output_tokens");
});

Deno.test("any feature is a metric, counted exactly", () => {
  assert.deepEqual(
    units({ other_features: '{"pdf_processing": 3, "audio_minutes": 1.1, "none": 0}' }),
    { pdf_processing: "3", audio_minutes: "11/10" },
  );
});

Deno.test("a value that is no count cannot be billed", () => {
  assert.equal(units({ metadata: '{"cache_read_tokens": "300"}' }), "invalid_metadata");
  assert.equal(units({ metadata: '{"reasoning_tokens": -1}' }), "invalid_metadata");
  assert.equal(units({ other_features: '{"pages": "3"}' }), "invalid_feature");
  assert.equal(units({ other_features: "[1]" }), "invalid_feature");
  assert.equal(units({ other_features: '{"input_tokens": 1}' }), "invalid_feature");
  assert.equal(units({ other_features: '{"batch_pages": 1}' }), "invalid_feature");
  assert.equal(units({ other_features: `{"pages": 1${"0".repeat(30)}}` }), "invalid_feature");
  assert.equal(units({ other_features: `{"${"p".repeat(201)}": 1}` }), "invalid_feature");
  assert.equal(units({ other_features: '{"a\\tb": 1}' }), "invalid_feature");
  const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`f${index}`, 1]));
  assert.equal(units({ other_features: JSON.stringify(many) }), "too_many_features");
  assert.equal(units({ timestamp: "1969-12-31 23:59:59+00" }), "invalid_timestamp");
});

Deno.test("more units than an event may have are not counted; a row of several calls may have as many times more, up to a thousand", () => {
  const most = 1_000_000_000;
  const pages = (count: number) => ({ other_features: JSON.stringify({ pages: count }) });
  assert.notEqual(units({ input_tokens: `${most}`, ...pages(most) }), "too_many_units");
  assert.equal(units({ output_tokens: `${most + 1}` }), "too_many_units");
  assert.equal(units({ web_searches: `${most + 1}` }), "too_many_units");
  assert.equal(units(pages(most + 0.5)), "too_many_units");
  assert.equal(units({ metadata: `{"reasoning_tokens": ${most + 1}}` }), "too_many_units");
  assert.equal(
    units({
      input_tokens: `-${most + 1}`,
      calls: "-1",
      corrects_id: "00000000-0000-4000-8000-000000000001",
      metadata: '{"negates": "x"}',
    }),
    "too_many_units",
  );
  for (const [calls, times] of [["2", 2], ["999", 999], ["1000", 1000], ["5000", 1000]] as const) {
    assert.notEqual(units({ input_tokens: `${most * times}`, calls }), "too_many_units", calls);
    assert.equal(units({ input_tokens: `${most * times + 1}`, calls }), "too_many_units", calls);
  }
});

Deno.test("a row that takes another back is its mirror, also where a part exceeds its whole", () => {
  const negates = { corrects_id: "00000000-0000-4000-8000-000000000001", model: "gpt-4o" };
  assert.deepEqual(
    units({ ...negates, metadata: '{"cache_read_tokens": -300, "negates": "x"}' }),
    {},
  );
  assert.deepEqual(
    units({
      ...negates,
      input_tokens: "-100",
      metadata: '{"cache_read_tokens": -300, "negates": "x"}',
    }),
    { cache_read_tokens: "-100" },
  );
  assert.equal(
    units({ ...negates, metadata: '{"cache_read_tokens": 300, "negates": "x"}' }),
    "invalid_metadata",
  );
});
