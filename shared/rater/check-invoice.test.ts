import { deepStrictEqual, ok } from "node:assert/strict";
import { checkInvoice, type ShownInvoice } from "./check-invoice.ts";
import { CLIENT, sampleConfig, sampleLog, sampleWorld } from "./world.sample.ts";

const FACTS = {
  period: { start: "2026-06-01", end: "2026-07-01", anchor: 1 },
  items: [],
  meters: [],
  promotional: [],
};
const world = sampleWorld({ logs: [sampleLog({ input_tokens: "100" })] });

/** 100 input tokens at 1.00 each. */
function shown(parts: Partial<ShownInvoice> = {}, line = {}): ShownInvoice {
  return {
    client_id: CLIENT,
    currency: "USD",
    subtotal_minor: 10_000,
    discount_minor: 0,
    tax_minor: 0,
    total_minor: 10_000,
    lines: [{
      kind: "usage",
      description: "claude-sonnet input tokens",
      model: "claude-sonnet",
      metric: "input_tokens",
      rate_class: "standard",
      agent: null,
      service_start: "2026-06-01",
      amount_minor: 10_000,
      is_late: false,
      ...line,
    }],
    ...parts,
  };
}

Deno.test("an invoice that the rows make agrees, in totals and lines", () => {
  const { differences, compared } = checkInvoice(shown(), world, FACTS);
  deepStrictEqual(differences, []);
  ok(compared === 6, "currency, four totals and a line");
});

Deno.test("a cent more on a line or in the total is told, with both figures", () => {
  deepStrictEqual(checkInvoice(shown({ total_minor: 10_001 }), world, FACTS).differences, [
    { what: "total", invoice: "10001", rated: "10000" },
  ]);
  deepStrictEqual(checkInvoice(shown({}, { amount_minor: 9_999 }), world, FACTS).differences, [
    { what: "claude-sonnet input_tokens from 2026-06-01", invoice: "9999", rated: "10000" },
  ]);
});

Deno.test("a line too much is told, and a discount and an item that the terms have not", () => {
  const late = checkInvoice(shown({}, { is_late: true }), world, FACTS).differences;
  deepStrictEqual(late.map(({ what, invoice, rated }) => [what, invoice, rated]), [
    ["late claude-sonnet input tokens", "10000", "nothing"],
    ["claude-sonnet input_tokens from 2026-06-01", "nothing", "10000"],
  ]);
  const discounted = sampleWorld({
    logs: world.logs,
    config: [sampleConfig({ client_id: null, discount_percent: "10" })],
  });
  // 10 % of 100.00 is 10.00; the item of 5.00 is not discounted.
  const { differences } = checkInvoice(shown(), discounted, { ...FACTS, items: ["5.00"] });
  deepStrictEqual(differences.map(({ what, rated }) => [what, rated]), [
    ["subtotal", "10500"],
    ["discount", "1000"],
    ["total", "9500"],
    ["line one_off", "500"],
    ["line discount", "-1000"],
  ]);
});

Deno.test("promotional credit that the period used is taken off before its tax", () => {
  const taxed = sampleWorld({
    logs: world.logs,
    config: [
      sampleConfig({
        client_id: null,
        discount_percent: "10",
        taxes: '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]',
      }),
    ],
  });
  // 100.00 less 10.00 less 30.00 are 60.00, with 12.00 of tax; there is no output to take 10.00 off.
  const of = { model: "claude-sonnet", agent: null };
  const { differences } = checkInvoice(shown(), taxed, {
    ...FACTS,
    promotional: [
      { ...of, metric: "output_tokens", amount_minor: "1000" },
      { ...of, metric: "input_tokens", amount_minor: "3000" },
    ],
  });
  deepStrictEqual(differences.map(({ what, rated }) => [what, rated]), [
    ["discount", "4000"],
    ["tax", "1200"],
    ["total", "7200"],
    ["line discount", "-1000"],
    ["line promotional_credit", "-3000"],
    ["line tax", "1200"],
  ]);
});
