import type Stripe from "stripe";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { Difference } from "./compare.ts";
import { after, following, forEach, type Progress } from "./progress.ts";

/**
 * Asks which payments invoices were paid by, where the event that tells of it was lost: a refund or
 * a dispute that is told of later names its payment only.
 */
export async function applyPayments(
  progress: Progress,
  { stripe, store, now }: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const unnamed = following(await store.unnamedPayments(progress.sinceDay), cursor);
  return await forEach(unnamed, "payments of", progress, async ({ id: invoice }) => {
    const listed = stripe.invoicePayments.list({ invoice, status: "paid", limit: 100 });
    for await (const payment of listed) await store.applyPayment(payment, now());
  });
}

/** Issues here what Stripe credited; an amount beyond the rest of our invoice is a difference. */
export async function applyCreditNotes(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const listed = ports.stripe.creditNotes.list({
    created: { gte: progress.since },
    limit: 100,
    ...after(cursor),
  });
  return await forEach(listed, "credit note", progress, (note) => creditOf(note, progress, ports));
}

/**
 * Tries credit notes again that an invoice had not enough left for: a refund that has failed, or a
 * note that is void, may have been found since. The notes of an invoice are tried in one go, each by
 * itself: what they replace is taken out before.
 */
export async function applyRefusedCreditNotes(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const { report } = progress;
  const refused = new Set(
    report.left.flatMap((one) =>
      isRefused(one) && one.stripe_invoice_id !== null ? [one.stripe_invoice_id] : []
    ),
  );
  const invoices = following([...refused].map((id) => ({ id })), cursor);
  return await forEach(invoices, "credit notes of", progress, async ({ id: invoice }) => {
    const notes = await Array.fromAsync(ports.stripe.creditNotes.list({ invoice, limit: 100 }));
    report.left = report.left.filter((one) => !isRefused(one) || one.stripe_invoice_id !== invoice);
    await forEach(
      notes,
      "credit note",
      { ...progress, isOver: () => false },
      (note) => creditOf(note, progress, ports),
    );
  });
}

/** Whether it is a credit note that can be tried again: one that is void there is told of once. */
function isRefused({ kind, ours }: Difference): boolean {
  return kind === "credit_note" && ours.startsWith("not credited");
}

async function creditOf(
  note: Stripe.CreditNote,
  { report }: Progress,
  { store, now }: StripePorts,
): Promise<void> {
  const outcome = await store.applyCreditNote(note, now());
  if (typeof outcome !== "string" || !outcome.startsWith("not ")) return;
  report.left.push({
    kind: "credit_note",
    number: null,
    stripe_invoice_id: idOf(note.invoice),
    ours: outcome,
    stripes: `${note.number}, ${note.status}, total ${note.total}`,
  });
}

/**
 * Refunds made since then, and older ones that had not been decided when last seen. Which invoice a
 * payment was for is asked where it is unknown.
 */
export async function applyRefunds(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const { stripe, store } = ports;
  return await newAndUndecided(progress, cursor, {
    kind: "refund",
    undecided: await store.undecidedRefunds(),
    list: (page) => stripe.refunds.list(page),
    retrieve: (id) => stripe.refunds.retrieve(id),
    apply: (one) => applyRefund(one, ports),
  });
}

async function applyRefund(refund: Stripe.Refund, ports: StripePorts): Promise<void> {
  if (refund.payment_intent === null) return;
  const known = await ports.store.applyRefund(refund, ports.now());
  if (known !== null) return;
  await findPayment(idOf(refund.payment_intent), ports);
  await ports.store.applyRefund(refund, ports.now());
}

/** Disputes opened since then, and older ones that had not been decided when last seen. */
export async function applyDisputes(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const { stripe, store } = ports;
  return await newAndUndecided(progress, cursor, {
    kind: "dispute",
    undecided: await store.undecidedDisputes(),
    list: (page) => stripe.disputes.list(page),
    retrieve: (id) => stripe.disputes.retrieve(id),
    apply: (one) => applyDispute(one, ports),
  });
}

async function applyDispute(dispute: Stripe.Dispute, ports: StripePorts): Promise<void> {
  if (dispute.payment_intent === null) return;
  const known = await ports.store.applyDispute(dispute, ports.now());
  if (known !== null) return;
  await findPayment(idOf(dispute.payment_intent), ports);
  await ports.store.applyDispute(dispute, ports.now());
}

interface Decided<T> {
  readonly kind: string;
  readonly undecided: readonly string[];
  readonly list: (
    page: { created: { gte: number }; limit: number; starting_after?: string },
  ) => AsyncIterable<T>;
  readonly retrieve: (id: string) => Promise<T>;
  readonly apply: (one: T) => Promise<void>;
}

/** The undecided ones come behind those that are listed; the cursor of the former has a mark. */
const OLDER = "older ";

async function newAndUndecided<T extends { id: string }>(
  progress: Progress,
  cursor: string | null,
  { kind, undecided, list, retrieve, apply }: Decided<T>,
): Promise<string | null> {
  const seen = new Set<string>();
  let older: string | null = null;
  if (cursor?.startsWith(OLDER)) older = cursor.slice(OLDER.length);
  else {
    const page = { created: { gte: progress.since }, limit: 100, ...after(cursor) };
    const last = await forEach(list(page), kind, progress, async (one) => {
      seen.add(one.id);
      await apply(one);
    });
    if (last !== null) return last;
  }
  const rest = undecided.filter((id) => !seen.has(id)).map((id) => ({ id }));
  const last = await forEach(following(rest, older), kind, progress, async ({ id }) => {
    await apply(await retrieve(id));
  });
  return last === null ? null : OLDER + last;
}

/** Asks which invoices a payment was for. */
async function findPayment(payment_intent: string, { stripe, store, now }: StripePorts) {
  for await (
    const payment of stripe.invoicePayments.list({
      payment: { type: "payment_intent", payment_intent },
      limit: 100,
    })
  ) await store.applyPayment(payment, now());
}

function idOf(reference: string | { id: string }): string {
  return typeof reference === "string" ? reference : reference.id;
}
