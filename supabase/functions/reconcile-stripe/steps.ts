import type Stripe from "stripe";
import { fromStripeAmount } from "../../../shared/stripe/amounts.ts";
import { takeBalanceOver } from "../_shared/stripe/balance.ts";
import { fetchObjects } from "../_shared/stripe/events.ts";
import { isMissing } from "../_shared/stripe/failures.ts";
import { deleteDraft, deliverInvoice } from "../_shared/stripe/invoices.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { BothSides } from "../_shared/stripe/store.ts";
import { type ComparedInvoice, compareSides, type Difference, receivedOf } from "./compare.ts";
import { fetchEvents } from "./events.ts";
import { meterDifferences, sendMeterEvents } from "./meters.ts";
import { applyCreditNotes, applyDisputes, applyPayments, applyRefunds } from "./money.ts";
import { type OutboxReport, pushToStripe } from "./outbox.ts";
import { mirrorPayouts } from "./payouts.ts";
import { forEach, type Progress } from "./progress.ts";

/** A part of a reconciliation; answers with where it goes on, or null when it is done. */
export type Step = (
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
) => Promise<string | null>;

const whole =
  (work: (progress: Progress, ports: StripePorts) => Promise<void>): Step =>
  async (progress, ports) => {
    await work(progress, ports);
    return null;
  };

/** In this order: a payment of nobody's waits while an invoice is being made, it could be of that. */
export const STEPS: readonly (readonly [string, Step])[] = [
  ["events", fetchEvents],
  ["events that wait", actOnSome],
  ["invoices", whole(healInvoices)],
  ["payments", whole(applyPayments)],
  ["invoices to make", whole(makeInvoices)],
  ["credit notes", whole(applyCreditNotes)],
  ["refunds", whole(applyRefunds)],
  ["disputes", whole(applyDisputes)],
  ["subscriptions", whole(applySubscriptions)],
  ["customer balances", whole(applyBalances)],
  ["payouts", whole(mirrorPayouts)],
  ["what Stripe is to be told", whole(tellStripe)],
  ["meters", whole(tellMeters)],
  ["comparison", whole(compare)],
];

/** Batches of events that are acted on before the time is looked at. */
const BATCHES = 40;

/** Acts on events that are due, some at a time. */
async function actOnSome(_: Progress, ports: StripePorts): Promise<string | null> {
  const isMoreToFetch = await fetchObjects(ports);
  const isMoreToDo = await ports.store.processEvents(BATCHES);
  return isMoreToFetch || isMoreToDo ? "more" : null;
}

/** Books what invoices say; those of which nothing is new are not asked of the database. */
async function healInvoices(progress: Progress, ports: StripePorts): Promise<void> {
  const { report, sinceDay } = progress;
  const ours = await ports.store.bothSides(sinceDay);
  const theirs = await fetchInvoices(progress, ports, ours);
  report.found.push(...compareSides(ours, theirs));
  await discardDrafts(await ports.store.bothSides(sinceDay), theirs, progress, ports);
}

async function makeInvoices({ report, sinceDay }: Progress, ports: StripePorts): Promise<void> {
  for (const row of await ports.store.bothSides(sinceDay)) {
    const missing = row.wanted && row.stripe_invoice_id === null && row.state !== "held";
    if (!missing || row.state === "refused") continue;
    await forEach([{ id: row.number }], "making", { since: 0, sinceDay, report }, async () => {
      await deliverInvoice(row.invoice_id, ports);
    });
  }
}

/**
 * Stripe's invoices since then, and older ones that invoices of ours since then are known as. Each is
 * booked as it comes, if it says anything new; what is compared of it is kept.
 */
async function fetchInvoices(
  progress: Progress,
  { stripe, store, now }: StripePorts,
  ours: readonly BothSides[],
): Promise<ComparedInvoice[]> {
  const byId = new Map(ours.map((row) => [row.stripe_invoice_id, row]));
  const compared = new Map<string, ComparedInvoice>();
  const keep = async (invoice: Stripe.Invoice) => {
    compared.set(invoice.id, comparedOf(invoice));
    if (saysMore(invoice, byId.get(invoice.id))) await store.applyInvoice(invoice, now());
  };
  const listed = stripe.invoices.list({ created: { gte: progress.since }, limit: 100 });
  await forEach(listed, "invoice", progress, keep);
  for (const { stripe_invoice_id: id, invoice_id, state } of ours) {
    if (id === null || compared.has(id)) continue;
    await forEach([{ id }], "invoice", progress, async () => {
      try {
        await keep(await stripe.invoices.retrieve(id));
      } catch (error) {
        if (!isMissing(error)) throw error;
        // What was finalized cannot go: that is for somebody to look at.
        if (state === "draft") await store.forgetDraft(invoice_id, id);
      }
    });
  }
  return [...compared.values()];
}

function comparedOf(invoice: Stripe.Invoice): ComparedInvoice {
  const { id, status, total, amount_paid, amount_due, amount_overpaid, amount_remaining } = invoice;
  const { metadata, from_invoice } = invoice;
  const amounts = { total, amount_paid, amount_due, amount_overpaid, amount_remaining };
  return { id, status, ...amounts, metadata, from_invoice };
}

/** Whether an invoice of Stripe is not as it is known. */
function saysMore(invoice: Stripe.Invoice, row: BothSides | undefined): boolean {
  if (row === undefined) return invoice.metadata?.leveredge_invoice_id !== undefined;
  const minor = (amount: number) => fromStripeAmount(amount, row.currency);
  return row.state !== invoice.status || row.status !== invoice.status || !row.has_link ||
    row.total_minor !== minor(invoice.total) ||
    row.amount_paid_minor !== minor(receivedOf(invoice)) ||
    (row.booked_minor ?? 0) + (row.paid_off_stripe_minor ?? 0) !== row.amount_paid_minor;
}

/**
 * Deletes drafts of workers that died before they went on with them, when the invoice has been
 * settled since or is known as another. One that is still to be collected is found by the next try;
 * a revision that somebody is editing is left alone.
 */
async function discardDrafts(
  ours: readonly BothSides[],
  theirs: readonly ComparedInvoice[],
  progress: Progress,
  { stripe, store }: StripePorts,
): Promise<void> {
  const rows = new Map(ours.map((row) => [row.invoice_id, row]));
  await forEach(theirs, "draft", progress, async ({ id, status, metadata, from_invoice }) => {
    const row = rows.get(metadata?.leveredge_invoice_id ?? "");
    if (status !== "draft" || row === undefined || from_invoice) return;
    const isDue = row.amount_due_minor > 0 && ["open", "uncollectible"].includes(row.status);
    if (isDue && (row.stripe_invoice_id ?? id) === id) return;
    await deleteDraft(id, stripe);
    await store.forgetDraft(row.invoice_id, id);
  });
}

/** Subscriptions as they are now, however long ago their events were lost. */
async function applySubscriptions(
  progress: Progress,
  { stripe, store, now }: StripePorts,
): Promise<void> {
  const listed = stripe.subscriptions.list({ status: "all", limit: 100 });
  await forEach(listed, "subscription", progress, async (subscription) => {
    await store.applySubscription(subscription, now());
  });
}

/** Balances of customers that are not zero, in whatever currency. */
async function applyBalances(progress: Progress, ports: StripePorts): Promise<void> {
  const listed = ports.stripe.customers.list({
    limit: 100,
    expand: ["data.invoice_credit_balance"],
  });
  await forEach(listed, "balance of", progress, async (customer) => {
    const others = Object.values(customer.invoice_credit_balance ?? {});
    if (customer.balance === 0 && others.every((one) => one === 0)) return;
    await takeBalanceOver(customer.id, ports);
  });
}

async function tellStripe({ report }: Progress, ports: StripePorts): Promise<void> {
  const told = await pushToStripe(ports);
  report.told += told.done;
  report.left.push(...untold(told));
}

function untold({ problems }: OutboxReport): Difference[] {
  return problems.map(({ task, problem }) => ({
    kind: "not_told",
    number: null,
    stripe_invoice_id: task.stripe_invoice_id,
    ours: task.task,
    stripes: problem,
  }));
}

async function tellMeters({ report, sinceDay }: Progress, ports: StripePorts): Promise<void> {
  await sendMeterEvents(ports);
  report.left.push(...await meterDifferences(sinceDay, ports));
}

/** What differs at last, after what has one right answer is healed. */
async function compare(progress: Progress, ports: StripePorts): Promise<void> {
  const { report, sinceDay } = progress;
  const theirs = await fetchInvoices(progress, ports, await ports.store.bothSides(sinceDay));
  report.left.unshift(...compareSides(await ports.store.bothSides(sinceDay), theirs));
}
