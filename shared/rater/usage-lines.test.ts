import assert from "node:assert/strict";
import { rateMonth } from "./rate-month.ts";
import { CLIENT, sampleConfig, sampleLog, samplePrice, sampleWorld } from "./world.sample.ts";
import type { PriceRow, World } from "./world.ts";

/** `[service start, agent, quantity, minor units]` of the lines of the sample client's June. */
function lines(parts: Partial<World>) {
  const rating = rateMonth(sampleWorld(parts), { asOf: "2026-07-01T00:00:00Z" });
  return rating.periods.flatMap((period) =>
    period.outcome !== "invoiced"
      ? []
      : period.lines.flatMap((line) =>
        line.kind === "usage"
          ? [[line.serviceStart.slice(8), line.agent, line.quantity.n, line.amountMinor]]
          : []
      )
  );
}

function calls(...counts: [date: string, tokens: number, agent?: string][]) {
  return counts.map(([date, tokens, agent]) =>
    sampleLog({
      input_tokens: String(tokens),
      timestamp: `2026-06-${date} 12:00:00+00`,
      agent: agent ?? "SCHOLAR",
    })
  );
}

const prices = (...parts: Partial<PriceRow>[]) => ({ prices: parts.map(samplePrice) });

Deno.test("a price that changes splits the line there", () => {
  const changed = prices(
    { unit_amount: "2", effective_until: "2026-06-15" },
    { unit_amount: "3", effective_from: "2026-06-15" },
  );
  assert.deepEqual(lines({ ...changed, logs: calls(["14", 10], ["15", 10], ["30", 1]) }), [
    ["01", null, 10n, 2000n],
    ["15", null, 11n, 3300n],
  ]);
});

Deno.test("client before default, own batch price before multiplier, model before family", () => {
  const half = '{"batch": "0.5"}';
  const all: Partial<PriceRow>[] = [
    { unit_amount: "1", client_id: CLIENT, rate_class: "batch", model: "claude-sonnet" },
    { unit_amount: "2", client_id: CLIENT, rate_class: "batch", family: "claude-sonnet" },
    { unit_amount: "3", client_id: CLIENT, rate_class: "batch" },
    { unit_amount: "8", client_id: CLIENT, model: "claude-sonnet", class_multipliers: half },
    { unit_amount: "5", rate_class: "batch", model: "claude-sonnet" },
    { unit_amount: "6", family: "claude-sonnet" },
  ];
  const logs = [sampleLog({ input_tokens: "1", metadata: '{"batch": true}' })];
  const amounts = all.map((_, first) => lines({ ...prices(...all.slice(first)), logs })[0]?.[3]);
  assert.deepEqual(amounts, [100n, 200n, 300n, 400n, 500n, 600n]);
});

Deno.test("a class is priced by itself, by a part of it, or by factors of the standard price", () => {
  const standard = {
    unit_amount: "10",
    class_multipliers: '{"batch": 0.5, "long_context": "2", "flex+long_context": 7}',
  };
  const part = { unit_amount: "3", rate_class: "batch", class_multipliers: '{"long_context": 4}' };
  const call = { model: "long-a", input_tokens: "2000", metadata: '{"batch": true}' };
  const logs = [sampleLog(call)];
  const amountOf = (...list: Partial<PriceRow>[]) => lines({ ...prices(...list), logs })[0]?.[3];
  // 2000 units: × 10 × 0.5 × 2, × 3 × 4, × 1, in cents.
  assert.equal(amountOf(standard), 2_000_000n);
  assert.equal(amountOf(standard, part), 2_400_000n);
  const own = { unit_amount: "1", rate_class: "batch+long_context" };
  assert.equal(amountOf(standard, part, own), 200_000n);
  const other = { unit_amount: "1", rate_class: "flex" };
  assert.equal(amountOf(standard, other), 2_000_000n);
});

Deno.test("tiers and free units run through a month that is split by price and by agent", () => {
  const tiers = '[{"up_to": 10, "unit_amount": "2"}, {"unit_amount": 1, "flat_amount": "5"}]';
  const graduated: Partial<PriceRow> = {
    pricing_model: "graduated",
    unit_amount: null,
    tiers,
    free_units: "4",
  };
  const split = {
    ...prices(
      { ...graduated, effective_until: "2026-06-15" },
      { ...graduated, effective_from: "2026-06-15" },
    ),
    config: [sampleConfig({ client_id: null, line_grouping: "agent" })],
  };
  // Of 6 + 6 + 6 units the first 4 are free, the next 10 cost 2, the others 1 and 5 once.
  assert.deepEqual(
    lines({ ...split, logs: calls(["02", 6, "A"], ["02", 6, "B"], ["20", 6, "A"]) }),
    [
      ["01", "A", 6n, 400n],
      ["01", "B", 6n, 1200n],
      ["15", "A", 6n, 400n + 400n + 500n],
    ],
  );
});

Deno.test("volume tiers price every unit by the month's total, the flat amount once", () => {
  const tiers = '[{"up_to": 10, "unit_amount": 2}, {"unit_amount": 1, "flat_amount": 5}]';
  const volume = prices({ pricing_model: "volume", unit_amount: null, tiers });
  assert.deepEqual(lines({ ...volume, logs: calls(["02", 10]) }), [["01", null, 10n, 2000n]]);
  assert.deepEqual(lines({ ...volume, logs: calls(["02", 11]) }), [["01", null, 11n, 1600n]]);
});

Deno.test("a started block is charged once, also when two agents share it", () => {
  const blocks = prices({ pricing_model: "package", unit_amount: "7", per_units: "10" });
  const config = [sampleConfig({ client_id: null, line_grouping: "agent" })];
  assert.deepEqual(lines({ ...blocks, config, logs: calls(["02", 5, "A"], ["02", 6, "B"]) }), [
    ["01", "A", 5n, 700n],
    ["01", "B", 6n, 700n],
  ]);
});

Deno.test("a family's tiers are shared by its models", () => {
  const tiers = '[{"up_to": 10, "unit_amount": 2}, {"unit_amount": 1}]';
  const family = prices({
    pricing_model: "graduated",
    unit_amount: null,
    tiers,
    family: "claude-sonnet",
  });
  const models = [
    { id: "claude-sonnet", family: "claude-sonnet", provider: "anthropic" },
    { id: "claude-sonnet-5", family: "claude-sonnet", provider: "anthropic" },
  ];
  const logs = models.map(({ id }) => sampleLog({ model: id, input_tokens: "8" }));
  // 8 × 2, then 2 × 2 and 6 × 1.
  assert.deepEqual(lines({ ...family, models, logs }).map((line) => line[3]), [1600n, 1000n]);
});

Deno.test("usage taken back costs the mirror image, so lines sum to the price of the total", () => {
  const package10: Partial<PriceRow> = {
    pricing_model: "package",
    unit_amount: "1",
    per_units: "10",
  };
  const split = prices(
    { ...package10, effective_until: "2026-06-15" },
    { ...package10, effective_from: "2026-06-15" },
  );
  const correction = sampleLog({
    input_tokens: "-15",
    timestamp: "2026-06-02 12:00:00+00",
    corrects_id: CLIENT,
    metadata: '{"negates": "x"}',
  });
  // Down to −15 is two blocks; up to 10 again is three.
  assert.deepEqual(lines({ ...split, logs: [correction, ...calls(["20", 25])] }), [
    ["01", null, -15n, -200n],
    ["15", null, 25n, 300n],
  ]);
});

Deno.test("cost_plus takes the list price of the day, and nothing where there is none", () => {
  const plus: Partial<PriceRow> = {
    pricing_model: "cost_plus",
    unit_amount: "0.5",
    per_units: "10",
    markup_percent: "20",
    class_multipliers: '{"batch": 0.5}',
  };
  const listed = (id: string, rateClass: string, amount: string, from: string, until: string) => ({
    id,
    model: "claude-sonnet",
    metric: "input_tokens",
    rate_class: rateClass,
    amount,
    effective_from: from,
    effective_until: until,
  });
  const world = {
    ...prices(plus, { unit_amount: "99", metric: "output_tokens" }),
    list_prices: [
      listed("1", "standard", "0.1", "-infinity", "2026-06-15"),
      listed("2", "standard", "0.2", "2026-06-15", "2026-06-25"),
      listed("3", "batch", "0.05", "2026-06-10", "infinity"),
    ],
  };
  // Ten units cost 0.1 × 10 × 1.2 + 0.5 = 1.70, then 2.90; none has a price on the 25th, and
  // usage without a price blocks the period.
  assert.deepEqual(lines({ ...world, logs: calls(["24", 10], ["25", 10]) }), []);
  assert.deepEqual(lines({ ...world, logs: calls(["14", 10], ["15", 10], ["24", 10]) }), [
    ["01", null, 10n, 170n],
    ["15", null, 20n, 580n],
  ]);
  // In a batch: half of 1.70 before there is a price for it, then 1.10.
  const batch = (day: string) =>
    sampleLog({
      input_tokens: "10",
      metadata: '{"batch": true}',
      timestamp: `2026-06-${day} 12:00:00+00`,
    });
  assert.deepEqual(lines({ ...world, logs: [batch("09"), batch("10")] }), [
    ["01", null, 10n, 85n],
    ["10", null, 10n, 110n],
  ]);
});
