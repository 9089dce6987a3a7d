import type Stripe from "stripe";
import { fromStripeAmount } from "../../../shared/stripe/amounts.ts";
import type { BothSides } from "../_shared/stripe/store.ts";

/** Where our books and Stripe's do not agree. Amounts in minor units, with what they are of. */
export interface Difference {
  readonly kind:
    | "missing_in_stripe"
    | "unknown_here"
    | "twice_in_stripe"
    | "status"
    | "total"
    | "paid"
    | "due"
    | "refunded"
    | "credit_note"
    | "meter"
    | "not_told";
  /** Our number, where there is one. */
  readonly number: string | null;
  readonly stripe_invoice_id: string | null;
  readonly ours: string;
  readonly stripes: string;
}

/**
 * Compares invoices from both sides. `theirs` are those of Stripe that name one of ours or are
 * known here; others (subscriptions', made by hand there) are not ours to judge.
 */
export function compareSides(
  ours: readonly BothSides[],
  theirs: readonly Stripe.Invoice[],
): Difference[] {
  const known = new Map(ours.map((row) => [row.invoice_id, row]));
  const byId = new Map(theirs.map((invoice) => [invoice.id, invoice]));
  const strangers = theirs.flatMap((invoice): Difference[] => {
    const own = invoice.metadata?.leveredge_invoice_id;
    const row = own === undefined ? undefined : known.get(own);
    if (own === undefined || row?.stripe_invoice_id === invoice.id) return [];
    if (invoice.status === "void" || invoice.status === "draft") return [];
    return [{
      kind: row === undefined ? "unknown_here" : "twice_in_stripe",
      number: row?.number ?? invoice.metadata?.invoice_number ?? null,
      stripe_invoice_id: invoice.id,
      ours: row?.stripe_invoice_id ?? "none",
      stripes: `${invoice.status}, total ${invoice.total}`,
    }];
  });
  return [
    ...ours.flatMap((row) => compareOne(row, byId.get(row.stripe_invoice_id ?? ""))),
    ...strangers,
  ];
}

function compareOne(row: BothSides, invoice: Stripe.Invoice | undefined): Difference[] {
  const difference = (
    kind: Difference["kind"],
    ours: string | number,
    stripes: string | number,
  ) => ({
    kind,
    number: row.number,
    stripe_invoice_id: row.stripe_invoice_id,
    ours: String(ours),
    stripes: String(stripes),
  });
  if (invoice === undefined) {
    const needed = row.stripe_invoice_id !== null || (row.wanted && row.state !== "held");
    const why = row.problem === null ? "" : `: ${row.problem}`;
    return needed
      ? [
        difference("missing_in_stripe", `${row.status}, ${row.amount_due_minor} due${why}`, "none"),
      ]
      : [];
  }
  const minor = (amount: number) => fromStripeAmount(amount, row.currency);
  const booked = (row.booked_minor ?? 0) + (row.paid_off_stripe_minor ?? 0);
  return [
    ...(row.status === invoice.status
      ? []
      : [difference("status", row.status, invoice.status ?? "none")]),
    ...(row.expected_total_minor === null || row.expected_total_minor === minor(invoice.total)
      ? []
      : [difference("total", row.expected_total_minor, minor(invoice.total))]),
    ...(booked === minor(invoice.amount_paid)
      ? []
      : [difference("paid", booked, minor(invoice.amount_paid))]),
    // Stripe can be told that all was paid elsewhere, not that a part was.
    ...(invoice.status !== "open" || row.paid_here_minor === 0
      ? []
      : [difference("due", row.amount_due_minor, minor(invoice.amount_remaining))]),
    ...(row.refunded_minor === row.booked_refund_minor
      ? []
      : [difference("refunded", row.booked_refund_minor ?? 0, row.refunded_minor ?? 0)]),
  ];
}
