import type { Invoice } from "./objects.ts";

/** The sum of an invoice's lines. */
export function totalOf(invoice: Invoice): number {
  return invoice.lines.reduce((sum, { amount }) => sum + amount, 0);
}

/** What was due when it was finalized: the total and what the customer's balance took or added. */
function dueOf(invoice: Invoice): number {
  return totalOf(invoice) + invoice.starting_balance - (invoice.ending_balance ?? 0);
}

/** What is still to be paid. */
export function remainingOf(invoice: Invoice): number {
  return dueOf(invoice) - invoice.pre_payment_credit_notes_amount - invoice.amount_paid;
}

/** The invoice as Stripe answers it: figures computed, the first ten lines inside. */
export function shown(invoice: Invoice) {
  const total = totalOf(invoice);
  const due = dueOf(invoice) - invoice.pre_payment_credit_notes_amount;
  const void_ = invoice.status === "void";
  return structuredClone({
    ...invoice,
    subtotal: total,
    total,
    amount_due: Math.max(due, 0),
    amount_remaining: void_ ? 0 : Math.max(due - invoice.amount_paid, 0),
    lines: {
      object: "list",
      url: `/v1/invoices/${invoice.id}/lines`,
      data: invoice.lines.slice(0, 10),
      has_more: invoice.lines.length > 10,
    },
    billing_reason: "manual",
    discounts: [],
    total_discount_amounts: [],
    total_taxes: [],
    payment_settings: {
      default_mandate: null,
      payment_method_options: null,
      payment_method_types: null,
      ...invoice.payment_settings,
    },
    period_start: invoice.created,
    period_end: invoice.created,
    parent: null,
  });
}
