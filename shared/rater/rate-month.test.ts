import assert from "node:assert/strict";
import { parseDecimal } from "./fraction.ts";
import { rateMonth } from "./rate-month.ts";
import { CLIENT, sampleClient, sampleConfig, sampleLog, sampleWorld } from "./world.sample.ts";
import type { World } from "./world.ts";

const AS_OF = "2026-07-01T00:00:00Z";

/** Totals of the one period of a world: subtotal, discount, tax, included tax, total. */
function totals(parts: Partial<World>): bigint[] | string {
  const [period] = rateMonth(sampleWorld(parts), { asOf: AS_OF }).periods;
  if (period?.outcome !== "invoiced") return period?.outcome ?? "none";
  const { subtotalMinor, discountMinor, taxMinor, taxIncludedMinor, totalMinor } = period.totals;
  return [subtotalMinor, discountMinor, taxMinor, taxIncludedMinor, totalMinor];
}

/** The configuration of the sample client over the default's. */
function terms(parts: Parameters<typeof sampleConfig>[0]) {
  return { config: [sampleConfig({ client_id: null }), sampleConfig(parts)] };
}

const hundred = { logs: [sampleLog({ input_tokens: "100" })] };

Deno.test("a row belongs to whom it names, else to its agent's client, else to the default", () => {
  const other = sampleClient({ id: "22222222-2222-4222-8222-222222222222", external_id: "birch" });
  const row = { client_id: null, input_tokens: "1" };
  const rating = rateMonth(
    sampleWorld({
      clients: [sampleClient(), other],
      default_client_id: other.id,
      assignments: [{
        agent: "CHIRON",
        client_id: CLIENT,
        starts_at: "-infinity",
        ends_at: "2026-06-10 12:00:00+00",
      }],
      logs: [
        sampleLog({ ...row, client_id: CLIENT, metadata: '{"client_id": "birch"}' }),
        sampleLog({ ...row, metadata: `{"client_id": "${CLIENT}"}` }),
        sampleLog({ ...row, metadata: '{"client_id": "acme"}' }),
        sampleLog({ ...row, agent: "CHIRON", timestamp: "2026-06-10 11:59:59.999999+00" }),
        sampleLog({ ...row, agent: "CHIRON" }),
        sampleLog({ ...row, metadata: '{"client_id": "nobody"}' }),
      ],
    }),
    { asOf: AS_OF },
  );
  const amounts = rating.periods.map((period) =>
    period.outcome === "invoiced" ? period.totals.totalMinor : period.outcome
  );
  assert.deepEqual(amounts, [400n, 100n]);
  assert.deepEqual([...rating.unbillable], [["unknown_client", 1]]);
});

Deno.test("without a default client unnamed usage is nobody's", () => {
  const rating = rateMonth(sampleWorld({ logs: [sampleLog({ client_id: null })] }), {
    asOf: AS_OF,
  });
  assert.deepEqual([...rating.unbillable], [["no_client", 1]]);
});

Deno.test("the minimum is prorated by days of service and compared with rounded usage", () => {
  // 3000 × 19 ÷ 30 days = 1900.
  const client = sampleClient({
    service: [{ starts_on: "2026-06-12", ends_on: "infinity" }],
  });
  const config = terms({ minimum_minor: "3000" });
  assert.deepEqual(totals({ clients: [client], ...config }), [1900n, 0n, 0n, 0n, 1900n]);
  const used = [sampleLog({ input_tokens: "19", timestamp: "2026-06-20 00:00:00+00" })];
  assert.deepEqual(totals({ clients: [client], ...config, logs: used }), [
    1900n,
    0n,
    0n,
    0n,
    1900n,
  ]);
});

Deno.test("nothing used and no minimum is no invoice", () => {
  assert.equal(totals({}), "skipped");
});

Deno.test("the discount is taken before tax, and a fixed one never exceeds the charges", () => {
  const taxes = '[{"name": "VAT", "rate_percent": "23", "behavior": "exclusive"}]';
  // 100.00 less 12.5 % = 87.50; 23 % of it = 20.125, up to 20.13.
  assert.deepEqual(totals({ ...hundred, ...terms({ discount_percent: "12.5", taxes }) }), [
    10000n,
    1250n,
    2013n,
    0n,
    10763n,
  ]);
  assert.equal(totals({ ...hundred, ...terms({ discount_minor: "20000", taxes }) }), "skipped");
});

Deno.test("inclusive tax is inside the total, reverse charge is owed by the client", () => {
  const inclusive = '[{"name": "GST", "rate_percent": 15, "behavior": "inclusive"}]';
  // 100.00 × 15 ÷ 115 = 13.0434…
  assert.deepEqual(totals({ ...hundred, ...terms({ taxes: inclusive }) }), [
    10000n,
    0n,
    0n,
    1304n,
    10000n,
  ]);
  const reverse = '[{"name": "VAT", "rate_percent": "0", "behavior": "reverse_charge"}]';
  assert.deepEqual(totals({ ...hundred, ...terms({ taxes: reverse }) }), [
    10000n,
    0n,
    0n,
    0n,
    10000n,
  ]);
});

Deno.test("a discount that divides badly among the lines costs no cent of tax", () => {
  // Lines of 1, 1 and 1 cent less 2 cents leave exactly 1 cent; half of it rounds up.
  const model = (id: string) => sampleLog({ model: id, input_tokens: "1" });
  const world = sampleWorld();
  const cents = world.prices.map((price) => ({ ...price, unit_amount: "0.01" }));
  const taxes = '[{"name": "VAT", "rate_percent": "50", "behavior": "exclusive"}]';
  assert.deepEqual(
    totals({
      prices: cents,
      logs: [model("claude-sonnet"), model("gpt-4o"), model("gemini-1.5-pro")],
      ...terms({ discount_minor: "2", taxes }),
    }),
    [3n, 2n, 1n, 0n, 2n],
  );
});

Deno.test("yen have no decimals and take no dollars of the default configuration", () => {
  const world = sampleWorld({
    config: [
      sampleConfig({ client_id: null, minimum_minor: "5000" }),
      sampleConfig({ currency: "JPY" }),
    ],
  });
  const prices = world.prices.map((price) => ({ ...price, currency: "JPY", unit_amount: "0.5" }));
  assert.deepEqual(
    totals({ ...world, prices, logs: [sampleLog({ input_tokens: "3" })] }),
    [2n, 0n, 0n, 0n, 2n],
  );
});

Deno.test("usage without a price blocks the client and names model and metric", () => {
  const logs = [sampleLog({ other_features: '{"pdf_processing": 2}' })];
  const [period] = rateMonth(sampleWorld({ logs }), { asOf: AS_OF }).periods;
  assert(period?.outcome === "blocked");
  assert.deepEqual(period.unpriced, [{
    model: "claude-sonnet",
    metric: "pdf_processing",
    rateClass: "standard",
  }]);
});

Deno.test("periods that were opened are rated as they were cut, the minimum by the whole month", () => {
  // The last day of May under anchor 31 is one of the 30 days from 31 May to 29 June: 3000 ÷ 30.
  const world = sampleWorld({
    clients: [sampleClient({ service: [{ starts_on: "2026-05-31", ends_on: "infinity" }] })],
    ...terms({ minimum_minor: "3000" }),
  });
  const opened = { start: "2026-05-31", end: "2026-06-01", anchor: 31 };
  const { periods } = rateMonth(world, { asOf: "2026-07-01T00:00:00Z" }, {
    periods: new Map([[CLIENT, [opened]]]),
  });
  assert.deepEqual(
    periods.map((period) => period.outcome === "invoiced" && period.totals.totalMinor),
    [100n],
  );
});

Deno.test("an item is taxed, bears no discount and does not count towards the minimum", () => {
  // 30.00 of minimum less 10 % and 5.00 of items: 32.00, with 20 % of it: 38.40.
  const world = sampleWorld(terms({
    minimum_minor: "3000",
    discount_percent: "10",
    taxes: '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]',
  }));
  const { periods } = rateMonth(world, { asOf: "2026-07-01T00:00:00Z" }, {
    items: new Map([[`${CLIENT} 2026-06-01`, [parseDecimal("5")]]]),
  });
  assert.deepEqual(
    periods.map((period) => period.outcome === "invoiced" && period.totals.totalMinor),
    [3840n],
  );
});

Deno.test("usage that Stripe rates is on no invoice of ours", () => {
  const world = sampleWorld({ logs: [sampleLog({ input_tokens: "7", output_tokens: "2" })] });
  const { periods } = rateMonth(world, { asOf: "2026-07-01T00:00:00Z" }, {
    meters: [{
      client_id: CLIENT,
      metric: "input_tokens",
      rate_class: "standard",
      model: null,
      effective_from: "2026-06-01",
      effective_until: "infinity",
    }],
  });
  assert.deepEqual(
    periods.map((period) => period.outcome === "invoiced" && period.totals.totalMinor),
    [200n],
  );
});
