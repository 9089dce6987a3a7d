/** Stripe's side of a client, summed from its objects. */
import type { CreditNote, Customer, Invoice, Refund } from "../../standins/stripe/objects.ts";
import { disputedOf } from "../../standins/stripe/disputes.ts";
import type { DanceClient, DanceWorld } from "./world.ts";

/** What a client was granted by what happened in Stripe. Minor units. */
export interface Granted {
  /** By credit notes and refunds. */
  readonly noted: number;
  /** By adjustments of the balance. */
  readonly adjusted: number;
}

/** Objects of Stripe that name ours, by what they are looked for: there may be thousands. */
export interface Theirs {
  /** By the id of our invoice. */
  readonly invoices: ReadonlyMap<string, readonly Invoice[]>;
  /** By the id of our client. */
  readonly invoicesOfClient: ReadonlyMap<string, readonly Invoice[]>;
  readonly customers: ReadonlyMap<string, readonly Customer[]>;
  /** By the id of Stripe's invoice, and by that of the payment. */
  readonly notes: ReadonlyMap<string, readonly CreditNote[]>;
  readonly refunds: ReadonlyMap<string, readonly Refund[]>;
}

export function theirsOf({ stripe: { state } }: DanceWorld): Theirs {
  const invoices = [...state.invoices.values()].filter(({ metadata }) =>
    metadata.leveredge_invoice_id !== undefined
  );
  return {
    invoices: Map.groupBy(invoices, ({ metadata }) => metadata.leveredge_invoice_id ?? ""),
    invoicesOfClient: Map.groupBy(invoices, ({ metadata }) => metadata.leveredge_client_id ?? ""),
    customers: Map.groupBy(
      state.customers.values(),
      ({ metadata }) => metadata.leveredge_client_id ?? "",
    ),
    notes: Map.groupBy(state.creditNotes.values(), ({ invoice }) => invoice),
    refunds: Map.groupBy(state.refunds.values(), ({ payment_intent }) => payment_intent),
  };
}

/** `paid`: through Stripe and not given back; `kept`: and not taken back by disputes. */
export function receivedOf(world: DanceWorld, theirs: Theirs, client: DanceClient) {
  const ids = (theirs.invoicesOfClient.get(client.id) ?? []).map(({ id }) => id);
  const { state } = world.stripe;
  const paid = ids.flatMap((id) => state.paymentsOf(id)).filter(({ charge }) => charge !== null)
    .reduce((sum, { amount_paid, refunded }) => sum + amount_paid - refunded, 0);
  return { paid, kept: ids.reduce((sum, id) => sum - disputedOf(state, id), paid) };
}

/**
 * Credit that Stripe tells of, that of notes of ours included. Stripe does not say whether a refund
 * on no note gives back what a note of ours promises, or credit of a refund that failed, or grants
 * its amount anew: the books decide it when they hear of it, by a note for the refund. A part
 * without such a note is believed as far as there is a promise or a failed refund; all else is exact.
 */
export async function grantedOf(
  world: DanceWorld,
  theirs: Theirs,
  client: DanceClient,
): Promise<Granted> {
  const own = await world.sql<OwnInvoice[]>`
    select i.id, (case when i.status = 'void' then 0 else i.total_minor end)::int as total,
      coalesce(sum(n.total_minor), 0)::int as noted,
      coalesce(sum(n.to_refund_minor), 0)::int as promised,
      (select coalesce(sum(x.total_minor), 0) from public.credit_notes x
        join public.stripe_credit_notes y on y.credit_note_id = x.id
        where x.invoice_id = i.id and x.voided_at is null and y.origin <> 'ours')::int as theirs
    from public.invoices i
    left join (public.credit_notes n
      left join public.stripe_credit_notes s on s.credit_note_id = n.id)
      on n.invoice_id = i.id and n.voided_at is null
        and coalesce(s.origin, 'ours') = 'ours'
    where i.client_id = ${client.id} and i.number is not null group by i.id`;
  let noted = 0;
  for (const invoice of own) {
    const there = notedThere(world, theirs, theirs.invoices.get(invoice.id) ?? []);
    const promised = Math.max(invoice.promised - there.given, 0) + there.failed;
    const alone = Math.max(0, invoice.theirs - there.noted);
    const taken = Math.max(0, Math.min(there.refunded - alone, promised));
    const all = invoice.noted + there.noted + there.refunded - taken;
    noted += Math.max(Math.min(all, invoice.total), invoice.noted);
  }
  return { noted, adjusted: await adjustedOf(world, theirs, client) };
}

interface OwnInvoice {
  readonly id: string;
  readonly total: number;
  /** By notes of ours. */
  readonly noted: number;
  /** By these, to be refunded. */
  readonly promised: number;
  /** By notes that were made here for Stripe's, and for refunds on none. */
  readonly theirs: number;
}

/**
 * Credit notes that name none of ours, refunds beside credit notes, refunds of notes that failed, and
 * what was given back by notes of ours.
 */
function notedThere({ stripe }: DanceWorld, theirs: Theirs, invoices: readonly Invoice[]) {
  const notes = invoices.flatMap(({ id }) => theirs.notes.get(id) ?? []);
  const ofNotes = new Set(notes.flatMap((note) => note.refunds.map(({ refund }) => refund)));
  const intents = new Set(
    invoices.flatMap(({ id }) => stripe.state.paymentsOf(id))
      .map(({ payment_intent }) => payment_intent ?? ""),
  );
  const ofOurs = new Set(
    notes.filter(({ metadata }) => metadata.leveredge_credit_note_id !== undefined)
      .flatMap((note) => note.refunds.map(({ refund }) => refund)),
  );
  const all = [...intents].flatMap((intent) => theirs.refunds.get(intent) ?? []);
  const sum = (of: typeof all) => of.reduce((total, { amount }) => total + amount, 0);
  const hasFailed = (status: string) => status === "failed" || status === "canceled";
  return {
    noted: notes.filter(({ status, metadata }) =>
      status === "issued" && metadata.leveredge_credit_note_id === undefined
    ).reduce((total, { amount }) => total + amount, 0),
    refunded: sum(all.filter(({ id, status }) => !ofNotes.has(id) && !hasFailed(status))),
    failed: sum(
      all.filter(({ id, status }) => ofNotes.has(id) && !ofOurs.has(id) && hasFailed(status)),
    ),
    given: sum(all.filter(({ id, status }) => ofOurs.has(id) && !hasFailed(status))),
  };
}

/** Of a customer that was deleted, what was booked before: its balance is gone. */
async function adjustedOf(
  world: DanceWorld,
  theirs: Theirs,
  client: DanceClient,
): Promise<number> {
  const booked = await world.sql<{ id: string }[]>`
    select transaction_id as id from public.stripe_balance_transactions
    where client_id = ${client.id}`;
  const known = new Set(booked.map(({ id }) => id));
  const customers = new Map((theirs.customers.get(client.id) ?? []).map((one) => [one.id, one]));
  return world.stripe.state.balanceTransactions
    .filter(({ id, customer, type, metadata }) =>
      type === "adjustment" && metadata.leveredge_balance === undefined &&
      customers.has(customer) &&
      (customers.get(customer)?.deleted === undefined || known.has(id))
    )
    .reduce((sum, { amount }) => sum - amount, 0);
}
