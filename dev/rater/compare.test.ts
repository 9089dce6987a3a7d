import assert from "node:assert/strict";
import type { BookedPeriod } from "./booked.ts";
import { compareInvoices } from "./compare.ts";
import { rateMonth } from "../../shared/rater/rate-month.ts";
import { CLIENT, sampleLog, sampleWorld } from "../../shared/rater/world.sample.ts";

const rating = rateMonth(sampleWorld({ logs: [sampleLog({ input_tokens: "7" })] }), {
  asOf: "2026-07-01T00:00:00Z",
});

const line = {
  kind: "usage",
  model: "claude-sonnet",
  metric: "input_tokens",
  rate_class: "standard",
  agent: null,
  service_start: "2026-06-01",
  quantity: "7.0",
  amount_minor: "700",
  tax_name: null,
  tax_behavior: null,
  tax_base_minor: null,
} as const;

const invoice = {
  number: "INV-2026-000001",
  currency: "USD",
  subtotal_minor: "700",
  discount_minor: "0",
  tax_minor: "0",
  tax_included_minor: "0",
  total_minor: "700",
  lines: [line],
};

const booked: BookedPeriod = {
  client_id: CLIENT,
  client: "Acme",
  period_start: "2026-06-01",
  state: "invoiced",
  invoice,
};

/** What differs when the database has this instead. */
function seen(rows: BookedPeriod[]): string[] {
  return compareInvoices(rating, rows).map(({ what, database, independent }) =>
    `${what}: ${database} / ${independent}`
  );
}

Deno.test("invoices that agree to the cent have no differences", () => {
  assert.deepEqual(seen([booked]), []);
});

Deno.test("a cent too much is seen in the total and in its line", () => {
  const wrong = { ...invoice, total_minor: "701", lines: [{ ...line, amount_minor: "701" }] };
  assert.deepEqual(seen([{ ...booked, invoice: wrong }]), [
    "total_minor: 701 / 700",
    "usage claude-sonnet input_tokens from 2026-06-01: 701 for 7 / 700 for 7",
  ]);
});

Deno.test("a line that is there twice is seen", () => {
  const wrong = { ...invoice, lines: [line, line] };
  assert.deepEqual(seen([{ ...booked, invoice: wrong }]), [
    "usage claude-sonnet input_tokens from 2026-06-01 (again): 700 for 7 / nothing",
  ]);
});

Deno.test("an invoice that is missing, and one too many, are seen", () => {
  assert.equal(seen([])[0], "2026-06-01: nothing / invoiced");
  const other = { ...booked, period_start: "2026-05-01" };
  assert.equal(seen([booked, other])[0], "2026-05-01: invoiced / nothing");
});
