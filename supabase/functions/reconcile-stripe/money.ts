import type Stripe from "stripe";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { Difference } from "./compare.ts";

/** Issues here what Stripe credited; what our invoice has not enough left for is a difference. */
export async function applyCreditNotes(
  since: number,
  { stripe, store, now }: StripePorts,
): Promise<Difference[]> {
  const differences: Difference[] = [];
  for await (const note of stripe.creditNotes.list({ created: { gte: since }, limit: 100 })) {
    const outcome = await store.applyCreditNote(note, now());
    if (typeof outcome !== "string" || !outcome.startsWith("not ")) continue;
    differences.push({
      kind: "credit_note",
      number: null,
      stripe_invoice_id: idOf(note.invoice),
      ours: outcome,
      stripes: `${note.number}, ${note.status}, total ${note.total}`,
    });
  }
  return differences;
}

/**
 * Refunds made since then, and older ones that had not been decided when last seen. Which invoice a
 * payment was for is asked where it is unknown.
 */
export async function applyRefunds(since: number, ports: StripePorts): Promise<void> {
  const { stripe, store } = ports;
  const undecided = new Set(await store.undecidedRefunds());
  for await (const refund of stripe.refunds.list({ created: { gte: since }, limit: 100 })) {
    undecided.delete(refund.id);
    await applyRefund(refund, ports);
  }
  for (const id of undecided) await applyRefund(await stripe.refunds.retrieve(id), ports);
}

async function applyRefund(refund: Stripe.Refund, ports: StripePorts): Promise<void> {
  if (refund.payment_intent === null) return;
  const known = await ports.store.applyRefund(refund, ports.now());
  if (known !== null) return;
  await findPayment(idOf(refund.payment_intent), ports);
  await ports.store.applyRefund(refund, ports.now());
}

/** Disputes opened since then, and older ones that had not been decided when last seen. */
export async function applyDisputes(since: number, ports: StripePorts): Promise<void> {
  const { stripe, store } = ports;
  const undecided = new Set(await store.undecidedDisputes());
  for await (const dispute of stripe.disputes.list({ created: { gte: since }, limit: 100 })) {
    undecided.delete(dispute.id);
    await applyDispute(dispute, ports);
  }
  for (const id of undecided) await applyDispute(await stripe.disputes.retrieve(id), ports);
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
