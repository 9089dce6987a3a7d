import type Stripe from "stripe";
import { z } from "zod";
import { fromStripeAmount } from "../../../shared/stripe/amounts.ts";
import type { DifferenceKind } from "../../../shared/stripe/remedies.ts";
import type { BothSides, KnownInvoice } from "../_shared/stripe/rows.ts";

/** Where our books and Stripe's do not agree. Amounts in minor units, with what they are of. */
export interface Difference {
  readonly kind: DifferenceKind;
  /** Our number, where there is one. */
  readonly number: string | null;
  /** Of cash balances the customer, of payouts the payout. */
  readonly stripe_invoice_id: string | null;
  readonly ours: string;
  readonly stripes: string;
}

/** What is compared of an invoice; the rest of it is not kept, there may be thousands. */
export type ComparedInvoice = Pick<
  Stripe.Invoice,
  | "id"
  | "status"
  | "total"
  | "amount_paid"
  | "amount_due"
  | "amount_overpaid"
  | "amount_remaining"
  | "metadata"
  | "from_invoice"
>;

/** Invoices that are not compared, and that those of Stripe may be of. */
export interface OtherInvoices {
  /** Stripe's ids of invoices that an earlier system has issued. */
  readonly earlier: ReadonlySet<string>;
  /** Invoices of ours that were settled before the compared days. */
  readonly known: readonly KnownInvoice[];
}

/** Ids of our invoices that are named by Stripe's invoices and are not compared here. */
export function namedBeside(
  ours: readonly BothSides[],
  theirs: readonly ComparedInvoice[],
): string[] {
  const compared = new Set(ours.map(({ invoice_id }) => invoice_id));
  return theirs.flatMap(({ metadata }) => {
    const own = z.uuid().safeParse(metadata?.leveredge_invoice_id).data;
    return own === undefined || compared.has(own) ? [] : [own];
  });
}

/**
 * Compares invoices from both sides. `theirs` are those of Stripe that name one of ours or are
 * known here; others (subscriptions', made by hand there) are not ours to judge. `judged` are those
 * of ours that may be compared: the others have been, or Stripe's are still to be read. `others`
 * says what is known of those that are not compared.
 */
export function compareSides(
  ours: readonly BothSides[],
  theirs: readonly ComparedInvoice[],
  judged = ours,
  { earlier, known: older }: OtherInvoices = { earlier: new Set(), known: [] },
): Difference[] {
  const known = new Map<string, KnownInvoice>(
    [...older, ...ours].map((row) => [row.invoice_id, row]),
  );
  const byId = new Map(theirs.map((invoice) => [invoice.id, invoice]));
  const unknown = theirs.flatMap((invoice): Difference[] => {
    const own = invoice.metadata?.leveredge_invoice_id;
    const row = own === undefined ? undefined : known.get(own);
    if (own === undefined || row?.stripe_invoice_id === invoice.id) return [];
    if (earlier.has(invoice.id)) return [];
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
    ...judged.flatMap((row) => compareOne(row, byId.get(row.stripe_invoice_id ?? ""))),
    ...unknown,
  ];
}

/** All that was paid for an invoice, what is beyond the amount due included. */
export function receivedOf(
  { amount_paid, amount_due, amount_overpaid }: ComparedInvoice,
): number {
  return amount_paid > amount_due ? amount_paid : amount_paid + amount_overpaid;
}

/** Its page takes payments, also of one that was written off. */
const takesPayments = ({ status }: ComparedInvoice) =>
  status === "open" || status === "uncollectible";

function compareOne(row: BothSides, invoice: ComparedInvoice | undefined): Difference[] {
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
  const received = minor(receivedOf(invoice));
  // Paid there but for what Stripe cannot collect, which the next invoice does.
  const isLeftOver = row.left_over_minor > 0 && invoice.status === "paid" &&
    row.status === "open" &&
    row.amount_due_minor <= row.left_over_minor;
  const booked = (row.booked_minor ?? 0) + (row.paid_off_stripe_minor ?? 0);
  return [
    ...(row.status === invoice.status || isLeftOver
      ? []
      : [difference("status", row.status, invoice.status ?? "none")]),
    ...(row.expected_total_minor === null || row.expected_total_minor === minor(invoice.total)
      ? []
      : [difference("total", row.expected_total_minor, minor(invoice.total))]),
    ...(booked === received ? [] : [difference("paid", booked, received)]),
    ...(!takesPayments(invoice) || row.remaining_minor === minor(invoice.amount_remaining)
      ? []
      : [difference("due", row.remaining_minor, minor(invoice.amount_remaining))]),
    ...(row.refunded_minor === row.booked_refund_minor
      ? []
      : [difference("refunded", row.booked_refund_minor ?? 0, row.refunded_minor ?? 0)]),
  ];
}
