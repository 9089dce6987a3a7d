import type Stripe from "stripe";
import { z } from "zod";
import { fromStripeAmount } from "../../../shared/stripe/amounts.ts";
import { fetchObjects } from "../_shared/stripe/events.ts";
import { isMissing, TooManyRequests } from "../_shared/stripe/failures.ts";
import { deleteDraft, deliverInvoice } from "../_shared/stripe/invoices.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { BothSides } from "../_shared/stripe/rows.ts";
import { applyBalances, tellCashBalances } from "./balances.ts";
import {
  type ComparedInvoice,
  compareSides,
  type Difference,
  namedBeside,
  type OtherInvoices,
  receivedOf,
} from "./compare.ts";
import { fetchEvents } from "./events.ts";
import { meterDifferences, sendMeterEvents } from "./meters.ts";
import {
  applyCreditNotes,
  applyDisputes,
  applyPayments,
  applyRefunds,
  applyRefusedCreditNotes,
} from "./money.ts";
import { type OutboxReport, pushToStripe } from "./outbox.ts";
import { mirrorPayouts } from "./payouts.ts";
import { after, following, forEach, type Progress } from "./progress.ts";

/** A part of a reconciliation; answers with where it goes on, or null when it is done. */
export type Step = (
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
) => Promise<string | null>;

/** In this order: a payment of nobody's waits while an invoice is being made, it could be of that. */
export const STEPS: readonly (readonly [string, Step])[] = [
  ["events", fetchEvents],
  ["events that wait", actOnSome],
  ["invoices", repairInvoices],
  ["payments", applyPayments],
  ["invoices to make", makeInvoices],
  ["credit notes", applyCreditNotes],
  ["refunds", applyRefunds],
  ["disputes", applyDisputes],
  ["credit notes again", applyRefusedCreditNotes],
  ["subscriptions", applySubscriptions],
  ["customer balances", applyBalances],
  ["bank transfers", tellCashBalances],
  ["payouts", mirrorPayouts],
  ["what Stripe is to be told", tellStripe],
  ["meters", tellMeters],
  ["comparison", compare],
];

/** Acts on events that are due, until the time is over. */
async function actOnSome({ isOver }: Progress, ports: StripePorts): Promise<string | null> {
  let isMore = true;
  do {
    const isMoreToFetch = await fetchObjects(ports, isOver);
    isMore = await ports.store.processEvents(1) || isMoreToFetch;
  } while (isMore && !isOver());
  return isMore ? "more" : null;
}

/**
 * Books what invoices say; those of which nothing is new are not asked of the database. Each is
 * compared as it was before.
 */
async function repairInvoices(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const { report, sinceDay } = progress;
  const ours = await ports.store.bothSides(sinceDay);
  const before = fetchedBefore(cursor);
  const fetched = await fetchInvoices(progress, ports, ours, before);
  const known = new Set<string | null>(before.compared.map(({ id }) => id));
  const isNew = (id: string | null) => !known.has(id);
  const theirs = fetched.compared.filter(({ id }) => isNew(id));
  const ids = new Set(theirs.map(({ id }) => id));
  const judged = ours.filter(({ stripe_invoice_id: id }) =>
    fetched.cursor === null ? isNew(id) : ids.has(id ?? "")
  );
  const others = await othersOf(ours, theirs, ports);
  report.found.push(...compareSides(ours, theirs, judged, others));
  if (fetched.cursor !== null) return fetched.cursor;
  const { compared } = fetched;
  await discardDrafts(await ports.store.bothSides(sinceDay), compared, progress, ports);
  return null;
}

/** What is known of invoices that Stripe's name and that are not compared. */
async function othersOf(
  ours: readonly BothSides[],
  theirs: readonly ComparedInvoice[],
  { store }: StripePorts,
): Promise<OtherInvoices> {
  const named = namedBeside(ours, theirs);
  return {
    earlier: await store.earlierInvoices(),
    known: named.length === 0 ? [] : await store.knownInvoices(named),
  };
}

async function makeInvoices(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const missing = (await ports.store.bothSides(progress.sinceDay)).filter((row) =>
    row.wanted && row.stripe_invoice_id === null && row.state !== "held" && row.state !== "refused"
  ).map(({ number, invoice_id }) => ({ id: number, invoice_id }));
  return await forEach(following(missing, cursor), "making", progress, async ({ invoice_id }) => {
    const outcome = await deliverInvoice(invoice_id, ports);
    // It is not done: the next call begins with it.
    if (outcome.kind === "retry" && outcome.isRateLimited) {
      throw new TooManyRequests(outcome.retryAfterSeconds);
    }
  });
}

/** What has been fetched of Stripe's invoices when the time is over. */
const FetchedSoFar = z.object({
  /** The last one: of a list of Stripe's, or of ours that are in none. */
  last: z.string().nullable(),
  /** How many lists have been read to their end. */
  lists: z.int(),
  compared: z.array(z.custom<ComparedInvoice>((value) => typeof value === "object")),
});
type FetchedSoFar = z.infer<typeof FetchedSoFar>;

function fetchedBefore(cursor: string | null): FetchedSoFar {
  return cursor === null
    ? { last: null, lists: 0, compared: [] }
    : FetchedSoFar.parse(JSON.parse(cursor));
}

/**
 * Stripe's lists of the compared invoices: those since then, and older ones that take payments
 * (docs.stripe.com/api/invoices/list: `status`, `created`).
 */
function listsOf({ since }: Progress): Stripe.InvoiceListParams[] {
  const older = { limit: 100, created: { lt: since } };
  return [
    { limit: 100, created: { gte: since } },
    { ...older, status: "open" },
    { ...older, status: "uncollectible" },
  ];
}

/**
 * Stripe's invoices of these lists, and others that invoices of ours are known as. Each is booked as
 * it comes, if it says anything new; its compared part is kept, in the cursor too
 * where the time is over.
 */
async function fetchInvoices(
  progress: Progress,
  { stripe, store, now }: StripePorts,
  ours: readonly BothSides[],
  { last, lists: done, compared: earlier }: FetchedSoFar,
): Promise<{ compared: ComparedInvoice[]; cursor: string | null }> {
  const byId = new Map(ours.map((row) => [row.stripe_invoice_id, row]));
  const compared = new Map(earlier.map((invoice) => [invoice.id, invoice]));
  const keep = async (invoice: Stripe.Invoice) => {
    compared.set(invoice.id, comparedOf(invoice));
    if (saysMore(invoice, byId.get(invoice.id))) await store.applyInvoice(invoice, now());
  };
  const end = (last: string | null, lists: number) => ({
    compared: [...compared.values()],
    cursor: last === null
      ? null
      : JSON.stringify({ last, lists, compared: [...compared.values()] }),
  });
  const lists = listsOf(progress);
  for (const [place, list] of lists.entries()) {
    if (place < done) continue;
    const page = { ...list, ...after(place === done ? last : null) };
    const listed = await forEach(stripe.invoices.list(page), "invoice", progress, keep);
    if (listed !== null) return end(listed, place);
  }
  const others = ours.flatMap(({ stripe_invoice_id: id, invoice_id, state }) =>
    id === null || compared.has(id) ? [] : [{ id, invoice_id, state }]
  );
  const work = async ({ id, invoice_id, state }: (typeof others)[number]) => {
    try {
      await keep(await stripe.invoices.retrieve(id));
    } catch (error) {
      if (!isMissing(error)) throw error;
      // What was finalized cannot go: that is for somebody to look at.
      if (state === "draft") await store.forgetDraft(invoice_id, id);
    }
  };
  const rest = following(others, done === lists.length ? last : null);
  return end(await forEach(rest, "invoice", progress, work), lists.length);
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
  await forEach(
    theirs,
    "draft",
    { ...progress, isOver: () => false, count: () => {} },
    async ({ id, status, metadata, from_invoice }) => {
      const row = rows.get(metadata?.leveredge_invoice_id ?? "");
      if (status !== "draft" || row === undefined || from_invoice) return;
      const isDue = row.amount_due_minor > 0 && ["open", "uncollectible"].includes(row.status);
      if (isDue && (row.stripe_invoice_id ?? id) === id) return;
      await deleteDraft(id, stripe);
      await store.forgetDraft(row.invoice_id, id);
    },
  );
}

/** Subscriptions as they are now, however long ago their events were lost. */
async function applySubscriptions(
  progress: Progress,
  { stripe, store, now }: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const listed = stripe.subscriptions.list({ status: "all", limit: 100, ...after(cursor) });
  return await forEach(listed, "subscription", progress, async (subscription) => {
    await store.applySubscription(subscription, now());
  });
}

/** What fails is left to the next reconciliation: it goes on only while something is told. */
async function tellStripe(
  { report, isOver, pause }: Progress,
  ports: StripePorts,
): Promise<string | null> {
  const told = await pushToStripe(ports, isOver);
  report.told += told.done;
  if (told.isRateLimited) pause(told.retryAfterSeconds);
  if (told.isCutOff && (told.done > 0 || told.isRateLimited) && isOver()) return "more";
  report.left.push(...untold(told));
  return null;
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

async function tellMeters(
  { report, sinceDay, isOver, pause }: Progress,
  ports: StripePorts,
): Promise<string | null> {
  const { sent, isCutOff, isRateLimited, retryAfterSeconds } = await sendMeterEvents(ports, isOver);
  if (isRateLimited) pause(retryAfterSeconds);
  if (isCutOff && (sent > 0 || isRateLimited) && isOver()) return "more";
  report.left.push(...await meterDifferences(sinceDay, ports));
  return null;
}

/** What differs at last, after what has one right answer is repaired. */
async function compare(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const { report, sinceDay } = progress;
  const ours = await ports.store.bothSides(sinceDay);
  const fetched = await fetchInvoices(progress, ports, ours, fetchedBefore(cursor));
  if (fetched.cursor !== null) return fetched.cursor;
  const repaired = await ports.store.bothSides(sinceDay);
  const others = await othersOf(repaired, fetched.compared, ports);
  report.left.unshift(...compareSides(repaired, fetched.compared, repaired, others));
  return null;
}
