import { z } from "zod";

/**
 * The frozen content of an invoice or credit note: everything that rendering needs, and all that it
 * reads. SQL writes it to `invoices.document` when the invoice is finalized (drafts carry one too).
 *
 * Amounts are integer minor units of `currency`, which has `exponent` decimals. Quantities, prices
 * and rates are decimal strings. Days are client-local; periods are half-open.
 */

const decimal = z.string().regex(/^-?\d{1,40}(\.\d{1,40})?$/, "a decimal string");
const minor = z.int();
const text = z.string().max(4000);
const day = z.iso.date();

/** Client-local days; `end` is the first day that is no longer covered. */
const dayRange = z.strictObject({ start: day, end: day });

const party = {
  name: text,
  address: z.array(text),
  email: text.nullable(),
  tax_id: text.nullable(),
};

/** Who sends the invoice. */
export const Seller = z.strictObject({
  ...party,
  website: text.nullable(),
  payment_instructions: text.nullable(),
  footer: text.nullable(),
});

/** Who is billed; `external_id` is the seller's own reference for them. */
export const Client = z.strictObject({
  ...party,
  id: z.uuid(),
  external_id: text.nullable(),
});

/**
 * One step of a graduated or volume price: `unit_price` for `per` units of its line, and a
 * `flat_amount` in major units. `up_to` null is the last, open one.
 */
export const DocumentTier = z.strictObject({
  up_to: decimal.nullable(),
  unit_price: decimal,
  flat_amount: decimal,
});

/** One rated line; `amount_minor` costs `quantity / per * unit_price`, rounded once. */
export const DocumentLine = z.strictObject({
  kind: z.string().regex(/^[a-z][a-z0-9_]*$/, "a snake_case word"),
  description: text,
  detail: text.nullable(),
  period: dayRange.nullable(),
  agent: text.nullable(),
  quantity: decimal.nullable(),
  unit: text.nullable(),
  unit_price: decimal.nullable(),
  per: decimal.nullable(),
  amount_minor: minor,
  tiers: z.array(DocumentTier).nullable(),
});

/**
 * A deduction from the subtotal; of promotional credit with what was left of the grant then, or had
 * expired of it.
 */
export const DocumentDiscount = z.strictObject({
  description: text,
  amount_minor: minor,
  left_minor: minor.optional(),
  expired_minor: minor.optional(),
});

/** `exclusive` is added to the total, `inclusive` is already in it, `reverse_charge` is 0. */
export const DocumentTax = z.strictObject({
  name: text,
  rate_percent: decimal,
  behavior: z.enum(["exclusive", "inclusive", "reverse_charge"]),
  base_minor: minor,
  amount_minor: minor,
  note: text.nullable(),
});

/** `total = subtotal - discount + tax`; `tax_included_minor` says how much of it is tax. */
export const DocumentTotals = z.strictObject({
  subtotal_minor: minor,
  discount_minor: minor,
  tax_minor: minor,
  tax_included_minor: minor,
  total_minor: minor,
  balance_applied_minor: minor,
  amount_due_minor: minor,
});

/** Tax that was due with the purchase of credit, by the invoice that says it. */
export const DocumentAdvance = z.strictObject({
  invoice_number: text,
  tax_minor: minor,
  taxes: z.array(z.strictObject({ name: text, rate_percent: decimal, amount_minor: minor })),
});

/**
 * What a grant of credit has paid of the invoice, and what was left of it then, or had expired; with
 * `advance`, the tax of the invoice that is deducted with it. Of a credit note: what comes back.
 */
export const DocumentCredit = z.strictObject({
  description: text,
  amount_minor: minor,
  left_minor: minor,
  expired_minor: minor.optional(),
  advance: DocumentAdvance.optional(),
});

/** What one agent used; amounts are its share of the usage, before discount and tax. */
export const DocumentAgent = z.strictObject({
  agent: text,
  requests: decimal,
  input_tokens: decimal,
  output_tokens: decimal,
  other_units: decimal,
  amount_minor: minor,
});

/** One client-local day of usage; the period has no gaps. */
export const DocumentDay = z.strictObject({ day, amount_minor: minor, tokens: decimal });

/** The document itself; parsing refuses one whose sums are wrong. */
export const InvoiceDocument = z.strictObject({
  version: z.literal(1),
  kind: z.enum(["invoice", "credit_note"]),
  number: text.nullable(),
  status: z.enum(["draft", "open", "paid", "void", "uncollectible"]),
  currency: z.string().regex(/^[A-Z]{3}$/, "an ISO 4217 code"),
  exponent: z.union([z.literal(0), z.literal(2), z.literal(3)]),
  issued_on: day.nullable(),
  due_on: day.nullable(),
  period: z.strictObject({ ...dayRange.shape, time_zone: text }).nullable(),
  references: z.strictObject({
    invoice_number: text.nullable(),
    replaces: text.nullable(),
    reason: text.nullable(),
  }),
  locale: z.string().regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, "a BCP 47 tag"),
  /** Of its words; missing where those are English. */
  language: z.string().regex(/^[a-z]{2}$/, "an ISO 639 code").optional(),
  paper: z.enum(["A4", "Letter"]),
  seller: Seller,
  client: Client,
  lines: z.array(DocumentLine),
  discounts: z.array(DocumentDiscount),
  taxes: z.array(DocumentTax),
  totals: DocumentTotals,
  /**
   * Missing where no grant has paid. `balance_applied_minor` includes them. Of a credit note: what
   * comes back to grants with tax that was deducted; missing where none does.
   */
  credits: z.array(DocumentCredit).optional(),
  agents: z.array(DocumentAgent),
  daily: z.array(DocumentDay),
  notes: z.array(text),
  payment_terms_days: z.int().min(0),
  payment_url: z.url({ protocol: /^https?$/ }).nullable(),
}).superRefine((document, context) => {
  const { lines, discounts, taxes, totals } = document;
  const exclusive = taxes.filter(({ behavior }) => behavior === "exclusive");
  const sums = {
    subtotal_minor: sum(lines),
    discount_minor: -sum(discounts),
    tax_minor: sum(exclusive),
    total_minor: BigInt(totals.subtotal_minor) - BigInt(totals.discount_minor) +
      BigInt(totals.tax_minor),
  };
  for (const [name, expected] of Object.entries(sums)) {
    const stated = BigInt(Object.entries(totals).find(([key]) => key === name)?.[1] ?? 0);
    if (stated !== expected) {
      context.addIssue({
        code: "custom",
        path: ["totals", name],
        message: `is ${stated}, its parts make ${expected}`,
      });
    }
  }
});

/** See the schema of the same name. */
export type InvoiceDocument = z.infer<typeof InvoiceDocument>;
export type DocumentLine = z.infer<typeof DocumentLine>;
export type DocumentTier = z.infer<typeof DocumentTier>;
export type DocumentCredit = z.infer<typeof DocumentCredit>;
export type DocumentTax = z.infer<typeof DocumentTax>;
export type DocumentDay = z.infer<typeof DocumentDay>;

function sum(rows: readonly { readonly amount_minor: number }[]): bigint {
  return rows.reduce((total, row) => total + BigInt(row.amount_minor), 0n);
}
