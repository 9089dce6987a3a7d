import type Stripe from "stripe";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import { forEach, type Progress } from "./progress.ts";

/**
 * Asks which payments invoices were paid by, where the event that tells of it was lost: a refund or
 * a dispute that is told of later names its payment only.
 */
export async function applyPayments(
  progress: Progress,
  { stripe, store, now }: StripePorts,
): Promise<void> {
  const unnamed = await store.unnamedPayments(progress.sinceDay);
  await forEach(unnamed, "payments of", progress, async ({ id: invoice }) => {
    const listed = stripe.invoicePayments.list({ invoice, status: "paid", limit: 100 });
    for await (const payment of listed) await store.applyPayment(payment, now());
  });
}

/** Issues here what Stripe credited; what our invoice has not enough left for is a difference. */
export async function applyCreditNotes(
  progress: Progress,
  { stripe, store, now }: StripePorts,
): Promise<void> {
  const listed = stripe.creditNotes.list({ created: { gte: progress.since }, limit: 100 });
  await forEach(listed, "credit note", progress, async (note) => {
    const outcome = await store.applyCreditNote(note, now());
    if (typeof outcome !== "string" || !outcome.startsWith("not ")) return;
    progress.report.left.push({
      kind: "credit_note",
      number: null,
      stripe_invoice_id: idOf(note.invoice),
      ours: outcome,
      stripes: `${note.number}, ${note.status}, total ${note.total}`,
    });
  });
}

/**
 * Refunds made since then, and older ones that had not been decided when last seen. Which invoice a
 * payment was for is asked where it is unknown.
 */
export async function applyRefunds(progress: Progress, ports: StripePorts): Promise<void> {
  const { stripe, store } = ports;
  const undecided = new Set(await store.undecidedRefunds());
  const listed = stripe.refunds.list({ created: { gte: progress.since }, limit: 100 });
  await forEach(listed, "refund", progress, async (refund) => {
    undecided.delete(refund.id);
    await applyRefund(refund, ports);
  });
  const older = [...undecided].map((id) => ({ id }));
  await forEach(older, "refund", progress, async ({ id }) => {
    await applyRefund(await stripe.refunds.retrieve(id), ports);
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
export async function applyDisputes(progress: Progress, ports: StripePorts): Promise<void> {
  const { stripe, store } = ports;
  const undecided = new Set(await store.undecidedDisputes());
  const listed = stripe.disputes.list({ created: { gte: progress.since }, limit: 100 });
  await forEach(listed, "dispute", progress, async (dispute) => {
    undecided.delete(dispute.id);
    await applyDispute(dispute, ports);
  });
  const older = [...undecided].map((id) => ({ id }));
  await forEach(older, "dispute", progress, async ({ id }) => {
    await applyDispute(await stripe.disputes.retrieve(id), ports);
  });
}

async function applyDispute(dispute: Stripe.Dispute, ports: StripePorts): Promise<void> {
  if (dispute.payment_intent === null) return;
  const known = await ports.store.applyDispute(dispute, ports.now());
  if (known !== null) return;
  await findPayment(idOf(dispute.payment_intent), ports);
  await ports.store.applyDispute(dispute, ports.now());
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
