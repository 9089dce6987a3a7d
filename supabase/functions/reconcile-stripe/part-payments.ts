import type Stripe from "stripe";
import {
  fromStripeAmount,
  toStripeAmount,
  uncollectableRest,
} from "../../../shared/stripe/amounts.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { UntoldPayment } from "../_shared/stripe/rows.ts";
import { receivedOf } from "./compare.ts";

/**
 * Tells Stripe of a part payment made elsewhere: a payment record, attached to the invoice, which
 * then asks for the rest (docs.stripe.com/api/invoices/attach_payment). Noted before; killed
 * anywhere, the next call finds what is there and goes on. The outbox and a reconciliation may tell
 * of the same at once, so a note is read after the invoice: a record that is on it is noted by
 * then. True when Stripe has it now.
 */
export async function tellPartPayment(
  listed: UntoldPayment,
  ports: StripePorts,
): Promise<boolean> {
  const { stripe, store, now } = ports;
  const { payment_id: id, currency } = listed;
  const current = await stripe.invoices.retrieve(listed.stripe_invoice_id);
  const noted = await store.paymentRecord(id);
  if (noted !== null && noted.state !== "telling") return false;
  const payment = { ...listed, ...noted };
  if (await isAttached(payment, stripe)) {
    await store.savePaymentRecord(id, payment.payment_record_id, true);
    await store.applyInvoice(current, now());
    return true;
  }
  const amount = noted === null
    ? Math.min(toStripeAmount(payment.amount_minor, currency), current.amount_remaining)
    : toStripeAmount(payment.amount_minor, currency);
  const isTaken = current.status === "open" && amount > 0 && amount <= current.amount_remaining &&
    uncollectableRest(amount, currency) === 0;
  if (!isTaken) {
    await store.leavePayment(id, fromStripeAmount(receivedOf(current), currency));
    await store.applyInvoice(current, now());
    return false;
  }
  await store.beginPaymentRecord(id, fromStripeAmount(amount, currency));
  const record = payment.payment_record_id ?? await report(payment, amount, current, ports);
  const attached = await stripe.invoices.attachPayment(current.id, { payment_record: record }, {
    idempotencyKey: `payment-record-${id}-attach`,
  });
  await store.savePaymentRecord(id, record, true);
  await store.applyInvoice(attached, now());
  return true;
}

/** A payment that is over: it was guaranteed when it was made. */
async function report(
  { payment_id, currency, paid_at, method, reference }: UntoldPayment,
  value: number,
  { customer }: Stripe.Invoice,
  { stripe, store }: StripePorts,
): Promise<string> {
  const customerId = typeof customer === "string" ? customer : customer?.id;
  const { id } = await stripe.paymentRecords.reportPayment({
    amount_requested: { currency: currency.toLowerCase(), value },
    initiated_at: paid_at,
    outcome: "guaranteed",
    guaranteed: { guaranteed_at: paid_at },
    payment_method_details: { type: "custom", custom: { display_name: method.slice(0, 100) } },
    ...(customerId === undefined ? {} : { customer_details: { customer: customerId } }),
    processor_details: {
      type: "custom",
      custom: { payment_reference: (reference ?? payment_id).slice(0, 200) },
    },
    metadata: { leveredge_payment_id: payment_id },
  }, { idempotencyKey: `payment-record-${payment_id}` });
  await store.savePaymentRecord(payment_id, id, false);
  return id;
}

async function isAttached(
  { stripe_invoice_id: invoice, payment_record_id }: UntoldPayment,
  stripe: Stripe,
): Promise<boolean> {
  if (payment_record_id === null) return false;
  for await (const { payment } of stripe.invoicePayments.list({ invoice, limit: 100 })) {
    const record = payment.payment_record;
    if ((typeof record === "string" ? record : record?.id) === payment_record_id) return true;
  }
  return false;
}
