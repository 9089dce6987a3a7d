import assert from "node:assert/strict";
import * as samples from "./samples.ts";
import { InvoiceDocument } from "./schema.ts";

/** Where a document is refused, as `path/to/field`. */
function refusals(document: unknown): string[] {
  const result = InvoiceDocument.safeParse(document);
  return result.success ? [] : result.error.issues.map(({ path }) => path.join("/"));
}

Deno.test("every sample is a valid document and survives JSON", () => {
  for (const sample of Object.values(samples)) {
    assert.deepEqual(InvoiceDocument.parse(JSON.parse(JSON.stringify(sample))), sample);
  }
});

Deno.test("a document whose sums are wrong is refused with the sum's name", () => {
  const { acme, german } = samples;
  const off = (field: string) => ({
    ...german,
    totals: { ...german.totals, [field]: -1 },
  });
  assert.deepEqual(refusals(off("tax_minor")), ["totals/tax_minor", "totals/total_minor"]);
  assert.deepEqual(refusals(off("discount_minor")), [
    "totals/discount_minor",
    "totals/total_minor",
  ]);
  assert.deepEqual(refusals(off("total_minor")), ["totals/total_minor"]);
  assert.deepEqual(refusals({ ...acme, lines: acme.lines.slice(1) }), ["totals/subtotal_minor"]);
});

Deno.test("amounts are exact integers and quantities exact decimals", () => {
  const [first] = samples.acme.lines;
  const withLine = (change: object) => ({
    ...samples.acme,
    lines: [{ ...first, ...change }],
  });
  assert(refusals(withLine({ amount_minor: 0.5 })).includes("lines/0/amount_minor"));
  assert(refusals(withLine({ amount_minor: 2 ** 53 })).includes("lines/0/amount_minor"));
  assert(refusals(withLine({ quantity: 10 })).includes("lines/0/quantity"));
  assert(refusals(withLine({ quantity: "1e3" })).includes("lines/0/quantity"));
});

Deno.test("unknown and missing fields are refused", () => {
  const { notes: _, ...without } = samples.acme;
  assert.deepEqual(refusals(without), ["notes"]);
  assert.equal(refusals({ ...samples.acme, extra: 1 }).length, 1);
});

Deno.test("impossible days and links that are not the web's are refused", () => {
  assert.deepEqual(refusals({ ...samples.acme, issued_on: "2026-02-30" }), ["issued_on"]);
  assert.deepEqual(refusals({ ...samples.acme, payment_url: "javascript:alert(1)" }), [
    "payment_url",
  ]);
});
