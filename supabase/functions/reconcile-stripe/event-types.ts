/**
 * Each type of event that something is done about, and what. This is the one list: the webhook
 * endpoint should send these, reconciliation fetches these, `stripe:check` asks for these; a test
 * compares it with the SQL that acts on them and with docs/stripe-setup.md.
 */
export const STRIPE_EVENTS: Readonly<Record<string, string>> = {
  "invoice.created": "its draft is known by our id",
  "invoice.finalized": "status, total and pay link are mirrored",
  "invoice.finalization_failed": "operators are told why",
  "invoice.sent": "status is mirrored",
  "invoice.paid": "the new part of the payment is booked",
  "invoice.overpaid": "the same; an excess is credit on the client's balance",
  "invoice.payment_failed": "operators are told, the client is reminded by mail",
  "invoice.payment_action_required": "operators are told, the client is reminded by mail",
  "invoice.voided": "the invoice is void here, or is its revision from now on",
  "invoice.marked_uncollectible": "the invoice is written off here",
  "invoice.updated": "the new part of a payment is booked",
  "invoice.overdue": "the same: an automation of the Dashboard sends it",
  "invoice.deleted": "its draft is forgotten, the next reconciliation makes it again",
  "invoice_payment.paid": "the payment is known by its invoices, its new part is booked",
  "payment_intent.succeeded": "an earlier failure is forgotten",
  "payment_intent.payment_failed": "the reason is kept",
  "charge.refunded": "an amount beyond the known refunds is booked and credited",
  "refund.created": "the refund is booked, and credited unless a credit note says so",
  "refund.updated": "its status is followed",
  "refund.failed": "the money is with us again: its own credit note is void, else it is credit",
  "charge.refund.updated": "the same as refund.updated",
  "charge.dispute.created": "operators are told to answer",
  "charge.dispute.updated": "its status is followed",
  "charge.dispute.closed": "a lost payment is written off, a won one is booked again",
  "charge.dispute.funds_withdrawn": "the money is booked as gone",
  "charge.dispute.funds_reinstated": "the money is booked as back",
  "credit_note.created": "a credit note is issued here, unless it is one of ours",
  "credit_note.updated": "a void one is void here",
  "credit_note.voided": "the credit note is void here: its amount is due again",
  "checkout.session.completed": "the stored payment method becomes the client's default",
  "customer.updated": "name, e-mail and address are taken over, and a credit balance",
  "customer.deleted": "the next invoice makes a new customer",
  "customer.tax_id.created": "operators are told of one that is not ours",
  "customer.tax_id.updated": "the same, and where Stripe could not verify it",
  "customer.tax_id.deleted": "operators are told where it is ours",
  "customer.subscription.created": "the client has a billing config, its service begins",
  "customer.subscription.updated": "fee and service follow it",
  "customer.subscription.deleted": "the client's service ends",
};

/** The types alone. */
export const STRIPE_EVENT_TYPES: readonly string[] = Object.keys(STRIPE_EVENTS);
