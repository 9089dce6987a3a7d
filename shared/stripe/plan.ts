import { stripeMinimum, toStripeAmount, uncollectableReason } from "./amounts.ts";
import type { InvoiceFacts } from "./facts.ts";

/** A line of the Stripe invoice; `amount` in Stripe's units, `key` names the line for ever. */
export interface PlannedLine {
  readonly key: string;
  readonly description: string;
  readonly amount: number;
  /** Seconds since 1970; the end is exclusive. */
  readonly period?: { readonly start: number; readonly end: number };
}

/** What is to be done with an invoice. */
export type InvoicePlan =
  /** Stripe has nothing to collect. */
  | { readonly kind: "skip"; readonly reason: string }
  /** Less than Stripe takes: the next invoice collects it. */
  | { readonly kind: "hold"; readonly reason: string }
  | { readonly kind: "refuse"; readonly reason: string }
  | {
    readonly kind: "collect";
    readonly number: string;
    readonly lines: readonly PlannedLine[];
    /** What Stripe's total must be, Stripe's units. */
    readonly total: number;
    /** Seconds since 1970; absent when the due day is over. */
    readonly dueAt?: number;
    readonly metadata: Readonly<Record<string, string>>;
    readonly description: string;
  };

/**
 * Decides how an issued invoice goes to Stripe. Every amount is ours; Stripe computes nothing.
 * Discount, tax, balance and earlier credits are lines of their own: Stripe's rates and coupons
 * round their own way, per line, and would not meet our totals to the cent.
 */
export function planInvoice(facts: InvoiceFacts, now: Date): InvoicePlan {
  const { invoice, held } = facts;
  if (invoice.status === "draft" || invoice.number === null) {
    return { kind: "refuse", reason: "only an issued invoice goes to Stripe; this is a draft" };
  }
  if (invoice.status !== "open" && invoice.status !== "uncollectible") {
    return { kind: "skip", reason: `the invoice is ${invoice.status}` };
  }
  const due = invoice.amount_due_minor + held.reduce((sum, one) => sum + one.amount_minor, 0);
  if (invoice.amount_due_minor <= 0) return { kind: "skip", reason: "nothing is due" };
  const minimum = stripeMinimum(invoice.currency);
  if (due < minimum) {
    return {
      kind: "hold",
      reason: `${due} ${invoice.currency} minor units are below Stripe's minimum of ${minimum}; ` +
        "the client's next invoice collects them",
    };
  }
  const unfit = uncollectableReason(due, invoice.currency);
  if (unfit !== null) return { kind: "refuse", reason: unfit };
  const lines = plannedLines(facts);
  const dueAt = endOfDay(invoice.due_on);
  return {
    kind: "collect",
    number: invoice.number,
    lines,
    total: toStripeAmount(due, invoice.currency),
    ...(dueAt !== undefined && dueAt > now.getTime() / 1000 + 3600 ? { dueAt } : {}),
    metadata: invoiceMetadata(facts, invoice.number),
    description: invoice.period_start === null || invoice.period_end === null
      ? `Invoice ${invoice.number}`
      : `Invoice ${invoice.number} for ${invoice.period_start} until ${invoice.period_end}`,
  };
}

/** What every Stripe invoice of ours carries. */
function invoiceMetadata({ invoice, client }: InvoiceFacts, number: string) {
  return {
    leveredge_invoice_id: invoice.id,
    leveredge_client_id: client.id,
    invoice_number: number,
    ...(invoice.period_start === null ? {} : { period_start: invoice.period_start }),
    ...(invoice.period_end === null ? {} : { period_end: invoice.period_end }),
  };
}

function plannedLines({ invoice, lines, held }: InvoiceFacts): PlannedLine[] {
  const line = (key: string, description: string, minor: number): PlannedLine => ({
    key,
    description: description.slice(0, 500),
    amount: toStripeAmount(minor, invoice.currency),
  });
  const earlier = invoice.credited_minor + invoice.paid_minor;
  return [
    ...lines.map((own) => {
      const period = periodOf(own.service_start, own.service_end);
      const text = own.detail === null ? own.description : `${own.description} – ${own.detail}`;
      return {
        ...line(`line-${own.position}`, text, own.amount_minor),
        ...(period === undefined ? {} : { period }),
      };
    }),
    ...(invoice.balance_applied_minor === 0
      ? []
      : [line("balance", "Credit balance applied", -invoice.balance_applied_minor)]),
    ...(earlier === 0 ? [] : [line("earlier", "Already credited or paid", -earlier)]),
    ...held.map((one) =>
      line(`held-${one.invoice_id}`, `Carried from invoice ${one.number}`, one.amount_minor)
    ),
  ].filter(({ amount }) => amount !== 0);
}

/** Days are shown by Stripe in the account's zone: midday UTC is the same day nearly everywhere. */
function periodOf(start: string | null, end: string | null) {
  if (start === null || end === null) return undefined;
  const from = Date.parse(`${start}T12:00:00Z`) / 1000;
  const until = Date.parse(`${end}T12:00:00Z`) / 1000 - 86_400;
  return { start: from, end: Math.max(from, until) };
}

function endOfDay(day: string | null): number | undefined {
  return day === null ? undefined : Date.parse(`${day}T23:59:59Z`) / 1000;
}
