import { invalid, missing } from "./errors.ts";
import { moveAccount } from "./payouts.ts";
import type { Params } from "./params.ts";
import type { CreditNote, Invoice, Payment, Refund } from "./objects.ts";
import { page, type State } from "./state.ts";
import { within } from "./state.ts";

/** Refunds, and what becomes of them. */
export type Refunds = ReturnType<typeof refundEndpoints>;

/**
 * Refunds. `docs.stripe.com/refunds` (Failed refunds): one that fails later, or is canceled, leaves
 * the money with the account, and the charge is refunded by that much less again.
 */
export function refundEndpoints(state: State) {
  const conclude = (id: string, status: "succeeded" | "failed" | "canceled") => {
    const refund = find(state, id);
    refund.status = status;
    if (status === "failed") refund.failure_reason = "expired_or_canceled_card";
    const payment = [...state.payments.values()].find(({ charge }) => charge === refund.charge);
    if (payment !== undefined && status !== "succeeded") {
      payment.refunded -= refund.amount;
      moveOf(state, refund, refund.amount, "refund_failure");
    }
    state.emit("refund.updated", refund);
    state.emit("charge.refund.updated", refund);
    if (status === "failed") state.emit("refund.failed", refund);
  };
  return {
    make: (payment: Payment, amount: number, status: Refund["status"] = "succeeded") =>
      makeRefund(state, payment, amount, status),
    parts: (invoice: Invoice, amount: number) => refundParts(state, invoice, amount),
    conclude,
    retrieve: (id: string) => find(state, id),
    retrieveCharge: (id: string) => {
      const payment = [...state.payments.values()].find(({ charge }) => charge === id);
      if (payment === undefined) throw missing("charge", id);
      return shownCharge(state, payment);
    },
    list: (params: Params<"GET /v1/refunds">) =>
      page(
        "/v1/refunds",
        [...state.refunds.values()].filter(({ payment_intent, created }) =>
          (params.payment_intent === undefined || params.payment_intent === payment_intent) &&
          within(created, params.created)
        ),
        params,
      ),
  };
}

/** Fees of a payment are kept when it is refunded: `docs.stripe.com/refunds`. */
function moveOf(state: State, refund: Refund, amount: number, type: string): void {
  const { id, object, currency, payment_intent } = refund;
  moveAccount(state, { amount, currency, fee: 0, source: { id, object, payment_intent }, type });
}

function find(state: State, id: string): Refund {
  const refund = state.refunds.get(id);
  if (refund === undefined) throw missing("refund", id);
  return refund;
}

function makeRefund(
  state: State,
  payment: Payment,
  amount: number,
  status: Refund["status"],
): Refund {
  const { charge, payment_intent } = payment;
  if (
    charge === null || payment_intent === null || amount > payment.amount_paid - payment.refunded
  ) {
    throw invalid("Refund amount is greater than unrefunded amount on charge.");
  }
  payment.refunded += amount;
  const { currency } = state.invoice(payment.invoice);
  const made: Refund = {
    id: state.id("re"),
    object: "refund",
    created: state.now(),
    amount,
    currency,
    charge,
    payment_intent,
    status,
    failure_reason: null,
    metadata: {},
  };
  state.refunds.set(made.id, made);
  moveOf(state, made, -amount, "refund");
  state.emit("refund.created", made);
  state.emit("charge.refunded", shownCharge(state, payment));
  return made;
}

function shownCharge(state: State, { charge, payment_intent, invoice, ...payment }: Payment) {
  const { currency, customer } = state.invoice(invoice);
  return {
    id: charge,
    object: "charge",
    amount: payment.amount_paid,
    amount_captured: payment.amount_paid,
    amount_refunded: payment.refunded,
    currency,
    customer,
    livemode: state.livemode,
    payment_intent,
    refunded: payment.refunded === payment.amount_paid,
    status: "succeeded",
  };
}

/**
 * The refunds of a credit note: all of them, or none and an error
 * (`docs.stripe.com/api/credit_notes/create`, `refund_amount`).
 */
function refundParts(state: State, invoice: Invoice, amount: number): CreditNote["refunds"] {
  const payments = state.paymentsOf(invoice.id).filter(({ charge }) => charge !== null);
  const left = payments.reduce((sum, one) => sum + one.amount_paid - one.refunded, 0);
  if (amount > left) throw invalid("The refund amount exceeds what was paid through Stripe.");
  const refunds: CreditNote["refunds"] = [];
  let rest = amount;
  for (const payment of payments) {
    const part = Math.min(rest, payment.amount_paid - payment.refunded);
    if (part <= 0) continue;
    const made = makeRefund(state, payment, part, "succeeded");
    refunds.push({ refund: made.id, amount_refunded: part, type: "refund" });
    rest -= part;
  }
  return refunds;
}
