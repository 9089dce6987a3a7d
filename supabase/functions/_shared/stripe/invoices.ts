import Stripe from "stripe";
import { fromStripeAmount } from "../../../../shared/stripe/amounts.ts";
import type { InvoiceFacts } from "../../../../shared/stripe/facts.ts";
import { type InvoicePlan, planInvoice, type PlannedLine } from "../../../../shared/stripe/plan.ts";
import type { DeliveryOutcome } from "../outbound/outcome.ts";
import { takeBalanceOver } from "./balance.ts";
import { transferLines } from "./bank-transfer.ts";
import { type CustomerPorts, ensureCustomer } from "./customers.ts";
import { isMissing, outcomeOfFailure } from "./failures.ts";
import type { StripeStore } from "./store.ts";

/** What sending an invoice needs. */
export interface InvoicePorts extends CustomerPorts {
  readonly store: Pick<
    StripeStore,
    | "livemode"
    | "invoiceFacts"
    | "begin"
    | "saveCustomer"
    | "forgetCustomer"
    | "saveDraft"
    | "saveProblem"
    | "forgetDraft"
    | "saveCarried"
    | "countPayments"
    | "saveLeftOver"
    | "applyInvoice"
    | "applyBalance"
    | "unknownInvoices"
    | "claimMail"
    | "noteMailed"
    | "releaseMail"
  >;
}

type Collect = Extract<InvoicePlan, { kind: "collect" }>;

/** Stripe adds at most so many lines at a time. */
const LINES_AT_ONCE = 250;
/** Days that a client has whose due day is over before Stripe has the invoice. */
const DAYS_WHEN_LATE = 1;

/**
 * Brings an invoice to Stripe: customer, draft, lines, comparison of totals, finalization,
 * collection. Each step is found again by a later try, so it may be killed anywhere.
 *
 * done: the invoice is in Stripe (externalId its id, details.payment_url the pay link) or is held.
 * skipped: there is nothing to collect. dead: totals or numbers differ (both in the error) or Stripe
 * refuses it. retry: Stripe could not be reached or was too busy.
 */
export async function deliverInvoice(id: string, ports: InvoicePorts): Promise<DeliveryOutcome> {
  const facts = await ports.store.invoiceFacts(id);
  if (facts === null) return { kind: "dead", error: `there is no invoice ${id}` };
  try {
    const known = await knownInvoice(facts, ports.stripe);
    const noted = facts.mirror?.stripe_invoice_id ?? null;
    if (known === null && noted !== null) {
      // What was finalized cannot go: that is another account, or test data that was cleared.
      if (facts.mirror?.state !== "draft") {
        return { kind: "dead", error: `Stripe has the invoice ${noted} no more` };
      }
      await ports.store.forgetDraft(id, noted);
      return await deliverInvoice(id, ports);
    }
    if (known !== null && known.status !== "draft") return await conclude(facts, known, ports);
    const plan = planInvoice(facts, ports.now());
    if (plan.kind !== "collect") return await leaveOut(facts, plan, known, ports);
    return await collect(facts, plan, known, ports);
  } catch (error) {
    return outcomeOfFailure(error);
  }
}

/** Deletes a draft at Stripe, where somebody may have done so already. */
export async function deleteDraft(id: string, stripe: Stripe): Promise<void> {
  try {
    await stripe.invoices.del(id);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function collect(
  facts: InvoiceFacts,
  plan: Collect,
  known: Stripe.Invoice | null,
  ports: InvoicePorts,
): Promise<DeliveryOutcome> {
  const { id } = facts.invoice;
  await ports.store.begin(id);
  const generation = facts.mirror?.generation ?? 1;
  const { customer, found } = await openDraft(facts, plan, known, ports);
  await ports.store.saveDraft(id, found.id);
  const draft = found.status === "draft"
    ? await fillDraft(found, plan, generation, ports.stripe)
    : found;
  const error = differenceOf(draft, plan, facts.invoice.currency.toLowerCase());
  if (error !== null) {
    if (draft.status === "draft") await deleteDraft(draft.id, ports.stripe);
    await ports.store.saveProblem(id, "refused", error, draft.status === "draft");
    return { kind: "dead", error };
  }
  if (draft.status !== "draft") return await conclude(facts, draft, ports);
  // Stripe would apply it to this invoice, of which our balance has paid its part already.
  await takeBalanceOver(customer, ports);
  if (plan.leftOver !== (facts.mirror?.left_over_minor ?? 0)) {
    await ports.store.saveLeftOver(id, plan.leftOver);
  }
  await ports.store.saveCarried(facts, fromStripeAmount(plan.total, facts.invoice.currency));
  await ports.store.countPayments(facts);
  const open = await ports.stripe.invoices.finalizeInvoice(draft.id, {
    auto_advance: facts.client.collection_method === "charge_automatically",
  }, { idempotencyKey: `invoice-${id}-${generation}-finalize` });
  const done = await conclude(facts, open, ports);
  // Given while this was finalized: applied, and booked as such.
  if (open.starting_balance !== 0) await takeBalanceOver(customer, ports);
  return done;
}

/** The invoice at Stripe, or a draft. A customer of whose deletion nothing was told is made anew. */
async function openDraft(
  facts: InvoiceFacts,
  plan: Collect,
  known: Stripe.Invoice | null,
  ports: InvoicePorts,
): Promise<{ customer: string; found: Stripe.Invoice }> {
  const { client, invoice, mirror } = facts;
  const customer = await ensureCustomer(client, ports);
  try {
    const found = known ?? await findInvoice(invoice.id, customer, ports.stripe) ??
      await createDraft(facts, plan, customer, mirror?.generation ?? 1, ports);
    return { customer, found };
  } catch (error) {
    if (!isMissing(error) || client.deleted) throw error;
    await ports.store.forgetCustomer(customer, ports.now());
    const gone = { ...client, stripe_customer_id: customer, deleted: true };
    return await openDraft({ ...facts, client: gone }, plan, known, ports);
  }
}

/**
 * What Stripe's invoice of this id says that ours does not; null where they agree. One that was
 * found can be of days that a restore took back, and those may have gone another way since.
 */
function differenceOf(theirs: Stripe.Invoice, plan: Collect, currency: string): string | null {
  if (theirs.total !== plan.total || theirs.currency !== currency) {
    return `Stripe's total is ${theirs.total} ${theirs.currency}, ours is ${plan.total} ${currency}`;
  }
  if (theirs.number === plan.number) return null;
  return `Stripe has the invoice as ${theirs.number}, ours is ${plan.number}`;
}

/** Asks for the money and notes how the invoice stands. */
async function conclude(facts: InvoiceFacts, invoice: Stripe.Invoice, ports: InvoicePorts) {
  const { id } = facts.invoice;
  await ports.store.saveDraft(id, invoice.id);
  await ports.store.applyInvoice(invoice, ports.now());
  const asked = invoice.status === "open" ? await askForMoney(facts, invoice, ports) : invoice;
  await ports.store.applyInvoice(asked, ports.now());
  const customer = typeof asked.customer === "string" ? asked.customer : asked.customer?.id;
  const transfer = asked.status === "open" && customer !== undefined
    ? await transferLines(facts, customer, ports.stripe)
    : [];
  return {
    kind: "done" as const,
    externalId: asked.id,
    details: {
      ...(asked.hosted_invoice_url ? { payment_url: asked.hosted_invoice_url } : {}),
      ...(transfer.length === 0 ? {} : { bank_transfer: transfer }),
      status: asked.status,
    },
  };
}

/**
 * Has Stripe mail the invoice, once, where that is the client's choice and we have not; where Stripe
 * refuses, it is left to us. Automatic advancement goes on afterwards: before, Stripe would mail the
 * invoice by itself as well; without it Stripe reminds of nothing.
 */
async function haveMailed(
  { invoice: { id }, client }: InvoiceFacts,
  invoice: Stripe.Invoice,
  { stripe, store }: InvoicePorts,
): Promise<Stripe.Invoice> {
  if (client.mailed_by !== "stripe" || !await store.claimMail(id)) return invoice;
  try {
    await stripe.invoices.sendInvoice(invoice.id, {}, { idempotencyKey: `${invoice.id}-send` });
  } catch (error) {
    if (!isRefused(error)) throw error;
    await store.releaseMail(id);
    return invoice;
  }
  const mailed = await withReminders(invoice, stripe);
  await store.noteMailed(id);
  return mailed;
}

/** One that is concluded meanwhile needs none. */
async function withReminders(invoice: Stripe.Invoice, stripe: Stripe): Promise<Stripe.Invoice> {
  try {
    return await stripe.invoices.update(invoice.id, { auto_advance: true }, {
      idempotencyKey: `${invoice.id}-remind`,
    });
  } catch (error) {
    if (!isRefused(error)) throw error;
    return await stripe.invoices.retrieve(invoice.id);
  }
}

/** Whether Stripe will not do it, however often it is asked. */
function isRefused(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeInvalidRequestError ||
    error instanceof Stripe.errors.StripePermissionError;
}

/** A declined card is no failure of the delivery: the webhook tells of it, Stripe tries again. */
async function askForMoney(
  facts: InvoiceFacts,
  invoice: Stripe.Invoice,
  ports: InvoicePorts,
): Promise<Stripe.Invoice> {
  const { stripe } = ports;
  if (invoice.collection_method === "send_invoice") return await haveMailed(facts, invoice, ports);
  if (invoice.attempted) return invoice;
  try {
    return await stripe.invoices.pay(invoice.id, {}, { idempotencyKey: `${invoice.id}-pay` });
  } catch (error) {
    const refused = error instanceof Stripe.errors.StripeCardError ||
      error instanceof Stripe.errors.StripeInvalidRequestError;
    if (!refused) throw error;
    return await stripe.invoices.retrieve(invoice.id);
  }
}

/** The invoice of the stored id; null when there is none or Stripe no longer has it. */
async function knownInvoice({ mirror }: InvoiceFacts, stripe: Stripe) {
  const id = mirror?.stripe_invoice_id ?? null;
  if (id === null) return null;
  try {
    return await stripe.invoices.retrieve(id);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** By its metadata, among the customer's invoices: a list is up to date, a search is not. */
async function findInvoice(id: string, customer: string, stripe: Stripe) {
  for await (const invoice of stripe.invoices.list({ customer, limit: 100 })) {
    if (invoice.metadata?.leveredge_invoice_id === id && invoice.status !== "void") return invoice;
  }
  return null;
}

async function createDraft(
  { invoice, client }: InvoiceFacts,
  plan: Collect,
  customer: string,
  generation: number,
  { stripe, store }: InvoicePorts,
): Promise<Stripe.Invoice> {
  const terms = client.collection_method === "charge_automatically"
    ? {}
    : plan.dueAt === undefined
    ? { days_until_due: DAYS_WHEN_LATE }
    : { due_date: plan.dueAt };
  const params = {
    customer,
    currency: invoice.currency.toLowerCase(),
    collection_method: client.collection_method,
    ...terms,
    auto_advance: false,
    pending_invoice_items_behavior: "exclude" as const,
    number: plan.number,
    description: plan.description,
    metadata: { ...plan.metadata },
    ...(plan.payment === null ? {} : { payment_settings: { ...plan.payment } }),
  };
  try {
    return await stripe.invoices.create(params, {
      idempotencyKey: `invoice-${invoice.id}-${generation}-create-${customer}`,
    });
  } catch (error) {
    // Stripe repeats its own failure to the same key. The next try looks before it makes anything.
    const spent = error instanceof Stripe.errors.StripeAPIError ||
      error instanceof Stripe.errors.StripeIdempotencyError;
    if (spent) await store.saveProblem(invoice.id, "creating", error.message, true);
    throw error;
  }
}

/** Adds the lines that the draft does not have yet and returns it with its new total. */
async function fillDraft(
  draft: Stripe.Invoice,
  { lines }: Collect,
  generation: number,
  stripe: Stripe,
): Promise<Stripe.Invoice> {
  const there = new Set<string>();
  if (draft.lines.data.length > 0) {
    for await (const line of stripe.invoices.listLineItems(draft.id, { limit: 100 })) {
      there.add(line.metadata.leveredge_line ?? line.id);
    }
  }
  const missing = lines.filter(({ key }) => !there.has(key));
  let filled = draft;
  for (let start = 0; start < missing.length; start += LINES_AT_ONCE) {
    const chunk = missing.slice(start, start + LINES_AT_ONCE);
    filled = await stripe.invoices.addLines(draft.id, { lines: chunk.map(lineParams) }, {
      idempotencyKey: `${draft.id}-${generation}-lines-${chunk[0]?.key}-${chunk.length}`,
    });
  }
  return filled;
}

function lineParams({ key, description, amount, period }: PlannedLine) {
  return {
    amount,
    description,
    discountable: false,
    ...(period === undefined ? {} : { period: { ...period } }),
    metadata: { leveredge_line: key },
  };
}

/** Not collected: nothing is due, too little, or nothing that Stripe takes. */
async function leaveOut(
  { invoice, mirror }: InvoiceFacts,
  plan: Exclude<InvoicePlan, Collect>,
  draft: Stripe.Invoice | null,
  { stripe, store }: InvoicePorts,
): Promise<DeliveryOutcome> {
  if (draft !== null) await deleteDraft(draft.id, stripe);
  if (plan.kind === "skip") {
    if (mirror !== null) {
      await store.saveProblem(invoice.id, "refused", plan.reason, draft !== null);
    }
    return { kind: "skipped", error: plan.reason };
  }
  await store.begin(invoice.id);
  const state = plan.kind === "hold" ? "held" : "refused";
  await store.saveProblem(invoice.id, state, plan.reason, draft !== null);
  return plan.kind === "hold"
    ? { kind: "done", details: { held: plan.reason } }
    : { kind: "dead", error: plan.reason };
}
