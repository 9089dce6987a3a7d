import type Stripe from "stripe";
import { compareSides, type Difference } from "./compare.ts";
import { STRIPE_EVENT_TYPES } from "./event-types.ts";
import { takeBalanceOver } from "../_shared/stripe/balance.ts";
import { isMissing } from "../_shared/stripe/failures.ts";
import { deleteDraft, deliverInvoice } from "../_shared/stripe/invoices.ts";
import { meterDifferences, sendMeterEvents } from "./meters.ts";
import { applyCreditNotes, applyDisputes, applyRefunds } from "./money.ts";
import { type OutboxReport, pushToStripe } from "./outbox.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { BothSides } from "../_shared/stripe/store.ts";

/** What a reconciliation found and did. */
export interface Reconciliation {
  readonly days: number;
  /** Events that had never been delivered. */
  readonly missed_events: number;
  /** Differences before anything was healed. */
  readonly found: readonly Difference[];
  /** Differences that are left: somebody must decide. */
  readonly left: readonly Difference[];
  /** Voids, write-offs, payments and credit notes that Stripe was told of. */
  readonly told: number;
}

/** Stripe filters events by at most so many types at a time. */
const TYPES_AT_ONCE = 20;
const DAY = 86_400;

/**
 * Compares the invoices, payments, refunds and credit notes of the last days from both sides, after
 * fetching events that never came, and heals what has one right answer: what Stripe received,
 * refunded, lost in disputes, voided or wrote off is booked here, subscriptions are mirrored; what we voided, credited
 * or were paid elsewhere, and usage for its meters, is told to Stripe; a missing Stripe invoice is
 * made. The rest is reported.
 */
export async function reconcile(days: number, ports: StripePorts): Promise<Reconciliation> {
  const { store, now } = ports;
  const since = Math.floor(now().getTime() / 1000) - days * DAY;
  const sinceDay = new Date(since * 1000).toISOString().slice(0, 10);
  const missed = await fetchEvents(since, ports);
  await store.processEvents();
  const before = await fetchInvoices(since, sinceDay, ports);
  const found = compareSides(await store.bothSides(sinceDay), before);
  for (const invoice of before) await store.applyInvoice(invoice, now());
  // First: a payment of nobody's waits while an invoice is being made, it could be of that.
  const ours = await store.bothSides(sinceDay);
  await discardDrafts(ours, before, ports);
  for (const row of ours) {
    const missing = row.wanted && row.stripe_invoice_id === null && row.state !== "held";
    if (missing && row.state !== "refused") await deliverInvoice(row.invoice_id, ports);
  }
  const uncredited = await applyCreditNotes(since, ports);
  await applyRefunds(since, ports);
  await applyDisputes(since, ports);
  await applySubscriptions(ports);
  await applyBalances(ports);
  const told = await pushToStripe(ports);
  await sendMeterEvents(ports);
  const after = await fetchInvoices(since, sinceDay, ports);
  for (const invoice of after) await store.applyInvoice(invoice, now());
  const left = [
    ...compareSides(await store.bothSides(sinceDay), after),
    ...uncredited,
    ...await meterDifferences(sinceDay, ports),
    ...untold(told),
  ];
  if (left.length > 0) {
    await store.report(
      `reconcile/${now().toISOString().slice(0, 10)}`,
      `Stripe and the books differ: ${left.length} differences, for example ` +
        `${left[0]?.number ?? "usage"}: ${left[0]?.kind}, ours ${left[0]?.ours}, Stripe's ${
          left[0]?.stripes
        }`,
    );
  }
  return { days, missed_events: missed, found, left, told: told.done };
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

/** Stores events that are not known, however far back; processing them twice is impossible. */
async function fetchEvents(since: number, { stripe, store }: StripePorts): Promise<number> {
  let missed = 0;
  for (let start = 0; start < STRIPE_EVENT_TYPES.length; start += TYPES_AT_ONCE) {
    const types = STRIPE_EVENT_TYPES.slice(start, start + TYPES_AT_ONCE);
    let batch: Stripe.Event[] = [];
    for await (const event of stripe.events.list({ types, created: { gte: since }, limit: 100 })) {
      batch.push(event);
      if (batch.length < 100) continue;
      missed += await store.receiveEvents(batch);
      batch = [];
    }
    if (batch.length > 0) missed += await store.receiveEvents(batch);
  }
  return missed;
}

/** Stripe's invoices since then, and older ones that invoices of ours since then are known as. */
async function fetchInvoices(
  since: number,
  sinceDay: string,
  { stripe, store }: StripePorts,
): Promise<Stripe.Invoice[]> {
  const invoices = new Map<string, Stripe.Invoice>();
  for await (const invoice of stripe.invoices.list({ created: { gte: since }, limit: 100 })) {
    invoices.set(invoice.id, invoice);
  }
  for (const { stripe_invoice_id: id, invoice_id, state } of await store.bothSides(sinceDay)) {
    if (id === null || invoices.has(id)) continue;
    try {
      invoices.set(id, await stripe.invoices.retrieve(id));
    } catch (error) {
      if (!isMissing(error)) throw error;
      // What was finalized cannot go: that is for somebody to look at.
      if (state === "draft") await store.forgetDraft(invoice_id, id);
    }
  }
  return [...invoices.values()];
}

/**
 * Deletes drafts of workers that died before they went on with them, when the invoice has been
 * settled since or is known as another. One that is still to be collected is found by the next try.
 */
async function discardDrafts(
  ours: readonly BothSides[],
  theirs: readonly Stripe.Invoice[],
  { stripe, store }: StripePorts,
): Promise<void> {
  const rows = new Map(ours.map((row) => [row.invoice_id, row]));
  for (const { id, status, metadata } of theirs) {
    const row = rows.get(metadata?.leveredge_invoice_id ?? "");
    if (status !== "draft" || row === undefined) continue;
    const isDue = row.amount_due_minor > 0 && ["open", "uncollectible"].includes(row.status);
    if (isDue && (row.stripe_invoice_id ?? id) === id) continue;
    await deleteDraft(id, stripe);
    await store.forgetDraft(row.invoice_id, id);
  }
}

/** Balances of customers that are not zero, in whatever currency. */
async function applyBalances(ports: StripePorts): Promise<void> {
  const listed = ports.stripe.customers.list({
    limit: 100,
    expand: ["data.invoice_credit_balance"],
  });
  for await (const { id, balance, invoice_credit_balance: others } of listed) {
    const isZero = balance === 0 && Object.values(others ?? {}).every((one) => one === 0);
    if (!isZero) await takeBalanceOver(id, ports);
  }
}

/** Subscriptions as they are now, however long ago their events were lost. */
async function applySubscriptions({ stripe, store, now }: StripePorts): Promise<void> {
  for await (const subscription of stripe.subscriptions.list({ status: "all", limit: 100 })) {
    await store.applySubscription(subscription, now());
  }
}
