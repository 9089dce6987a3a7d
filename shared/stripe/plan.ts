import { stripeMaximum, stripeMinimum, toStripeAmount, uncollectableRest } from "./amounts.ts";
import { lineTextOf, type Reader, readerOf } from "../document/reader.ts";
import { rangeText } from "../document/view.ts";
import { itemDescription, lineDescription, lineDetails } from "../words/line-words.ts";
import { say, sayCount, withoutIsolates, type WordKey } from "../words/words.ts";
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
    /** What stays due because Stripe cannot collect it, minor units: the next invoice does. */
    readonly leftOver: number;
    /** Seconds since 1970; absent when the due day is over. */
    readonly dueAt?: number;
    readonly metadata: Readonly<Record<string, string>>;
    readonly description: string;
    /** How it may be paid; null: as the Dashboard says. */
    readonly payment: PaymentSettings | null;
  };

/** Payment methods as an invoice of Stripe takes them. */
export interface PaymentSettings {
  readonly payment_method_types: string[];
  readonly payment_method_options?: {
    readonly customer_balance: {
      readonly funding_type: "bank_transfer";
      readonly bank_transfer: BankTransfer;
    };
  };
}

/** The kind of bank account that a client transfers to. */
export interface BankTransfer {
  readonly type: string;
  readonly eu_bank_transfer?: { readonly country: string };
}

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
  const leftOver = uncollectableRest(due, invoice.currency);
  const minimum = stripeMinimum(invoice.currency);
  if (due - leftOver < Math.max(minimum, 1)) {
    return {
      kind: "hold",
      reason: `${due} ${invoice.currency} minor units are below Stripe's minimum of ${minimum}; ` +
        "the client's next invoice collects them",
    };
  }
  const maximum = stripeMaximum(invoice.currency);
  if (due > maximum) {
    return {
      kind: "refuse",
      reason: `${due} ${invoice.currency} minor units are above the largest amount that Stripe ` +
        `collects, ${maximum}: let the client pay by bank, or bill it in parts`,
    };
  }
  if (facts.payment_methods?.length === 0) {
    return {
      kind: "refuse",
      reason: `none of the client's payment methods is for ${invoice.currency}: ` +
        "see stripe_terms.payment_methods",
    };
  }
  const lines = fittingLines(facts, leftOver);
  const dueAt = endOfDay(invoice.due_on);
  return {
    kind: "collect",
    number: invoice.number,
    lines,
    total: toStripeAmount(due - leftOver, invoice.currency),
    leftOver,
    ...(dueAt !== undefined && dueAt > now.getTime() / 1000 + 3600 ? { dueAt } : {}),
    metadata: invoiceMetadata(facts, invoice.number),
    payment: paymentSettings(facts),
    description: descriptionOf(facts, invoice.number),
  };
}

/** What the client reads above the lines, in its language. */
function descriptionOf({ invoice }: InvoiceFacts, number: string): string {
  const { period_start: start, period_end: end } = invoice;
  const reader = readerOf(invoice);
  return withoutIsolates(
    start === null || end === null
      ? say(reader.words, "invoiceTitle", { number })
      : say(reader.words, "periodInvoice", { number, period: rangeText({ start, end }, reader) }),
  );
}

/** Where bank transfers for an invoice go to; undefined where it does not offer them. */
export function bankTransferOf({ payment_methods }: InvoiceFacts): BankTransfer | undefined {
  for (const { bank_transfer_type: type, country } of payment_methods ?? []) {
    if (type !== null) {
      return { type, ...(country === null ? {} : { eu_bank_transfer: { country } }) };
    }
  }
  return undefined;
}

function paymentSettings(facts: InvoiceFacts): PaymentSettings | null {
  if (facts.payment_methods === null) return null;
  const bank_transfer = bankTransferOf(facts);
  return {
    payment_method_types: facts.payment_methods.map(({ method }) => method),
    ...(bank_transfer === undefined ? {} : {
      payment_method_options: {
        customer_balance: { funding_type: "bank_transfer", bank_transfer },
      },
    }),
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

/** Lines that an invoice of Stripe has at most. */
const MOST_LINES = 250;

/**
 * The lines, if there are not too many; else usage summed by its description, else all by its kind.
 * Discount, taxes and what is carried stay apart as far as they can; the details are in our PDF.
 */
function fittingLines(facts: InvoiceFacts, leftOver: number): PlannedLine[] {
  const levels: ((own: OwnLine) => string)[] = [
    ({ position }) => `line-${position}`,
    ({ kind, description, position }) =>
      kind === "usage" ? `usage-${description}` : `line-${position}`,
    ({ kind }) => `kind-${kind}`,
  ];
  const fits = levels.map((groupOf) => plannedLines(facts, leftOver, groupOf))
    .find((lines) => lines.length <= MOST_LINES);
  if (fits !== undefined) return fits;
  const held = { ...facts, held: [] };
  const carried = facts.held.reduce((sum, { amount_minor }) => sum + amount_minor, 0);
  return [
    ...plannedLines(held, leftOver, ({ kind }) => `kind-${kind}`),
    {
      key: "held",
      description: withoutIsolates(
        sayCount(readerOf(facts.invoice).words, "carriedFromMany", facts.held.length),
      ),
      amount: toStripeAmount(carried, facts.invoice.currency),
    },
  ];
}

type OwnLine = InvoiceFacts["lines"][number];

const KIND_NAMES: Readonly<Record<OwnLine["kind"], WordKey>> = {
  usage: "usage",
  minimum: "minimumCharge",
  one_off: "items",
  top_up: "prepaidCredit",
  discount: "discount",
  promotional_credit: "promotionalCredit",
  tax: "tax",
};

/** The beginning of a text that ends with a whole character: half of one cannot be sent. */
function cut(text: string, most: number): string {
  return text.slice(0, most).replace(/[\uD800-\uDBFF]$/, "");
}

/** What a line says, in the language of the invoice's document. */
function textOf(own: OwnLine, facts: InvoiceFacts, reader: Reader): string {
  const to = lineTextOf(reader, facts);
  // Names of items and taxes are the words of people.
  const description = own.kind === "one_off" || own.kind === "tax"
    ? itemDescription(own.description, to)
    : lineDescription(own.description, to);
  return own.detail === null
    ? description
    : `${description} – ${lineDetails(own.detail, to).join(" · ")}`;
}

function plannedLines(
  facts: InvoiceFacts,
  leftOver: number,
  groupOf: (own: OwnLine) => string,
): PlannedLine[] {
  const { invoice, lines, held } = facts;
  const reader = readerOf(invoice);
  const { words } = reader;
  const line = (key: string, description: string, minor: number): PlannedLine => ({
    key,
    description: cut(withoutIsolates(description), 500),
    amount: toStripeAmount(minor, invoice.currency),
  });
  const earlier = invoice.credited_minor + invoice.paid_minor;
  const groups = Map.groupBy(promotionOnce(lines), groupOf);
  return [
    ...[...groups].flatMap(([group, members]) => {
      const [own] = members;
      if (own === undefined) return [];
      const amount = members.reduce((sum, { amount_minor }) => sum + amount_minor, 0);
      if (members.length > 1) {
        const what = group.startsWith("kind-")
          ? words.texts[KIND_NAMES[own.kind]]
          : textOf({ ...own, detail: null }, facts, reader);
        const values = { what, number: invoice.number ?? "" };
        const text = sayCount(words, "summedLines", members.length, values);
        return [line(`${group}`.slice(0, 100), text, amount)];
      }
      const period = periodOf(own.service_start, own.service_end);
      return [{
        ...line(`line-${own.position}`, textOf(own, facts, reader), amount),
        ...(period === undefined ? {} : { period }),
      }];
    }),
    ...(invoice.balance_applied_minor === 0
      ? []
      : [line("balance", words.texts.balanceApplied, -invoice.balance_applied_minor)]),
    ...(earlier === 0 ? [] : [line("earlier", words.texts.settledBefore, -earlier)]),
    ...held.map((one) =>
      line(
        `held-${one.invoice_id}`,
        say(words, "carriedFrom", { number: one.number }),
        one.amount_minor,
      )
    ),
    ...(leftOver === 0 ? [] : [line("left-over", words.texts.carriedOn, -leftOver)]),
  ].filter(({ amount }) => amount !== 0);
}

/** Promotional credit has a line for each charge that it reduces: here one for each period. */
function promotionOnce(lines: readonly OwnLine[]): OwnLine[] {
  const sums = Map.groupBy(
    lines.filter(({ kind }) => kind === "promotional_credit"),
    ({ description }) => description,
  );
  return lines.flatMap((own) => {
    if (own.kind !== "promotional_credit") return [own];
    const members = sums.get(own.description) ?? [];
    if (members[0] !== own) return [];
    const amount_minor = members.reduce((sum, member) => sum + member.amount_minor, 0);
    return [{ ...own, detail: null, amount_minor }];
  });
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
