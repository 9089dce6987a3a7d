import assert from "node:assert/strict";
import { acme, advance, arabic, creditNote, german, greek, japanese, long } from "./samples.ts";
import { type InvoiceView, invoiceView } from "./view.ts";

function totals(view: InvoiceView): string[] {
  return view.totals.map(({ label, value }) => `${label}: ${value}`.replaceAll("\u00a0", " "));
}

function fact(view: InvoiceView, label: string): string | undefined {
  return view.facts.find((one) => one.label === label)?.value;
}

Deno.test("a line says what, how many, at which price and how much", () => {
  const [first] = invoiceView(acme).lines;
  assert.deepEqual(first, {
    description: "Claude Sonnet · input tokens",
    details: ["claude-sonnet-4-20250514"],
    tiers: [],
    quantity: "10,000,000",
    unit: "tokens",
    unitPrice: "$3.00",
    per: "per 1M",
    amount: "$30.00",
  });
});

Deno.test("totals stand in the order in which they are reckoned", () => {
  assert.deepEqual(totals(invoiceView(german)), [
    "Subtotal: 50,00 €",
    "Launch discount 10 %: -5,00 €",
    "VAT 19% on 45,00 €: 8,55 €",
    "Total: 53,55 €",
    "Balance applied: -3,55 €",
    "Amount due: 50,00 €",
  ]);
});

Deno.test("promotional credit stands before tax, with its rest", () => {
  const discounts = [{ description: "Promotional credit", amount_minor: -500, left_minor: 1200 }];
  const rows = totals(invoiceView({ ...german, discounts }));
  assert.deepEqual(rows.slice(0, 2), [
    "Subtotal: 50,00 €",
    "Promotional credit (12,00 € left): -5,00 €",
  ]);
});

Deno.test("each grant's payment stands with its rest, the balance has the remainder", () => {
  const credits = [{ description: "Prepaid credit", amount_minor: 300, left_minor: 1200 }];
  const rows = totals(invoiceView({ ...german, credits }));
  assert.deepEqual(rows.slice(-3), [
    "Prepaid credit (12,00 € left): -3,00 €",
    "Balance applied: -0,55 €",
    "Amount due: 50,00 €",
  ]);
  const alone = [{ description: "Prepaid credit", amount_minor: 355, left_minor: 0 }];
  assert.deepEqual(totals(invoiceView({ ...german, credits: alone })).slice(-2), [
    "Prepaid credit (0,00 € left): -3,55 €",
    "Amount due: 50,00 €",
  ]);
});

Deno.test("of credit that has expired the document says so", () => {
  const expired = { left_minor: 0, expired_minor: 1200 };
  const discounts = [{ description: "Promotional credit", amount_minor: -500, ...expired }];
  const credits = [{ description: "Prepaid credit", amount_minor: 355, ...expired }];
  const rows = totals(invoiceView({ ...german, discounts, credits }));
  assert.deepEqual([rows[1], rows.at(-2)], [
    "Promotional credit (12,00 € expired): -5,00 €",
    "Prepaid credit (12,00 € expired): -3,55 €",
  ]);
});

Deno.test("tax of a purchase stands with the credit that it was paid with, and what is left", () => {
  assert.deepEqual(totals(invoiceView(advance)).slice(1), [
    "VAT 20% on $100.00: $20.00",
    "Total: $120.00",
    "Prepaid credit ($0.00 left): -$60.00",
    "Includes VAT 20% of invoice INV-2026-000122: $10.00",
    "Tax less that of earlier invoices: $10.00",
    "Amount due: $60.00",
  ]);
});

Deno.test("a credit note says what tax comes back with credit, and is owed no more", () => {
  const { taxes, credits = [] } = advance;
  const rows = totals(invoiceView({
    ...creditNote,
    taxes: taxes.map((tax) => ({ ...tax, amount_minor: 1500 })),
    credits: credits.map((credit) => ({ ...credit, left_minor: 6000 })),
  }));
  assert.deepEqual(rows.slice(-3), [
    "Prepaid credit ($60.00 left): $60.00",
    "Includes VAT 20% of invoice INV-2026-000122: $10.00",
    "Tax less that of earlier invoices: $5.00",
  ]);
});

Deno.test("included tax follows the total and changes nothing", () => {
  assert.deepEqual(totals(invoiceView(japanese)), [
    "Subtotal: ¥13,500",
    "Total: ¥13,500",
    "Includes 消費税 10% on ¥12,273: ¥1,227",
    "Amount due: ¥0",
  ]);
});

Deno.test("the reverse charge is named and its legal note is printed", () => {
  const view = invoiceView(greek);
  assert(totals(view).includes("VAT reverse charge on 7,50 €: 0,00 €"));
  const notes = view.remarks.find(({ title }) => title === "Notes");
  assert.match(notes?.lines[0] ?? "", /^Reverse charge: VAT is to be accounted for/);
});

Deno.test("a price in steps shows each step", () => {
  const [line] = invoiceView(greek).lines;
  assert.deepEqual(line?.tiers.map((tier) => tier.replaceAll("\u00a0", " ")), [
    "up to 1.000.000: 3,00 € per 1M",
    "above: 1,75 € per 1M + 1,00 €",
  ]);
});

Deno.test("a period shows its last day, not the first day after it, and whose days they are", () => {
  const period = invoiceView(german).facts.find(({ label }) => label === "Billing period");
  assert.equal(period?.value, "01.06.2026 – 30.06.2026");
  assert.equal(period?.detail, "Days in Europe/Berlin");
});

Deno.test("a line names its days only when they differ from the invoice's", () => {
  const own = { start: "2026-06-01", end: "2026-07-01" };
  const [line] = acme.lines;
  assert(line);
  const details = (period: typeof own) =>
    invoiceView({ ...acme, lines: [{ ...line, detail: null, period }] }).lines[0]?.details;
  assert.deepEqual(details(own), []);
  assert.deepEqual(details({ start: "2026-06-10", end: "2026-06-21" }), ["Jun 10 – Jun 20"]);
  assert.deepEqual(details({ start: "2026-06-10", end: "2026-06-11" }), ["Jun 10"]);
  assert.deepEqual(details({ start: "2025-12-01", end: "2026-01-01" }), [
    "December 1, 2025 – December 31, 2025",
  ]);
});

Deno.test("a draft says so and has no number, a credit note names its invoice and reason", () => {
  const draft = invoiceView(arabic);
  assert.equal(draft.ribbon?.text, "DRAFT");
  assert.equal(draft.number, "Draft");
  const note = invoiceView(creditNote);
  assert.equal(note.title, "Credit note");
  assert.equal(fact(note, "For invoice"), "INV-2026-000123");
  assert.deepEqual(note.headline, { amount: "-$1.20", text: "credited" });
  assert.deepEqual(note.remarks, [
    { title: "Reason", lines: ["Searches were counted twice on 14 June"] },
  ]);
});

Deno.test("a document frozen while open shows its payment once it is paid, nothing when void", () => {
  assert.deepEqual(totals(invoiceView({ ...acme, status: "paid" })).slice(-3), [
    "Total: $125.00",
    "Paid: -$125.00",
    "Amount due: $0.00",
  ]);
  const voided = invoiceView({ ...acme, status: "void" });
  assert.equal(voided.ribbon?.text, "VOID");
  assert.equal(totals(voided).at(-1), "Total: $125.00");
});

Deno.test("the chart has a bar for each day, none higher than the canvas, none below zero", () => {
  const chart = invoiceView({
    ...acme,
    daily: [
      { day: "2026-06-01", amount_minor: 1234, tokens: "1" },
      { day: "2026-06-02", amount_minor: -50, tokens: "1" },
      { day: "2026-06-03", amount_minor: 0, tokens: "0" },
    ],
  }).chart;
  assert(chart);
  assert.deepEqual(chart.bars.map(({ label }) => label), [
    "June 1, 2026: $12.34",
    "June 2, 2026: -$0.50",
    "June 3, 2026: $0.00",
  ]);
  assert.deepEqual(chart.gridLines.map(({ label }) => label), ["$20.00", "$10.00"]);
  const heights = chart.bars.map(({ height }) => height);
  assert.deepEqual(heights, [37.02, 0, 0]);
});

Deno.test("without usage there is no chart", () => {
  assert.equal(invoiceView(arabic).chart, null);
  const still = acme.daily.map((day) => ({ ...day, amount_minor: 0 }));
  assert.equal(invoiceView({ ...acme, daily: still }).chart, null);
});

Deno.test("long remarks leave the place beside the totals", () => {
  assert.equal(invoiceView(acme).remarksBeside, true);
  assert.equal(invoiceView({ ...acme, notes: ["word ".repeat(100)] }).remarksBeside, false);
});

Deno.test("the paper can be chosen, all else stays", () => {
  const { paper, ...letter } = invoiceView(long, "Letter");
  const { paper: own, ...a4 } = invoiceView(long);
  assert.equal(paper, "Letter");
  assert.equal(own, "A4");
  assert.deepEqual(letter, a4);
});
