import { missing } from "./errors.ts";
import { moveAccount } from "./payouts.ts";
import type { Params } from "./params.ts";
import type { Dispute } from "./objects.ts";
import { page, type State, within } from "./state.ts";

/**
 * Disputes. `docs.stripe.com/disputes/how-disputes-work`: the amount is withdrawn when a dispute is
 * opened and reinstated when it is won; `docs.stripe.com/api/disputes/object`: `balance_transactions`
 * are zero, one or two.
 */
export function disputeEndpoints(state: State) {
  const find = (id: string) => {
    const dispute = state.disputes.get(id);
    if (dispute === undefined) throw missing("dispute", id);
    return dispute;
  };
  return {
    /** A customer's bank takes the payment of an invoice, or a part of it, back. */
    open: (invoice: string, amount?: number): string => {
      const payment = state.paymentsOf(invoice).find(({ charge }) => charge !== null);
      if (payment === undefined) throw new Error(`${invoice} is not paid`);
      const dispute: Dispute = {
        id: state.id("du"),
        object: "dispute",
        created: state.now(),
        amount: amount ?? payment.amount_paid,
        balance_transactions: [],
        charge: payment.charge,
        currency: state.invoice(invoice).currency,
        livemode: state.livemode,
        payment_intent: payment.payment_intent,
        reason: "fraudulent",
        status: "needs_response",
      };
      state.disputes.set(dispute.id, dispute);
      state.emit("charge.dispute.created", dispute);
      // `docs.stripe.com/disputes/how-disputes-work`: with a fee that is kept.
      dispute.balance_transactions.push(moveOf(state, dispute, -dispute.amount, 1500, "dispute"));
      state.emit("charge.dispute.funds_withdrawn", dispute);
      return dispute.id;
    },
    decide: (id: string, status: "won" | "lost") => {
      const dispute = find(id);
      dispute.status = status;
      state.emit("charge.dispute.closed", dispute);
      if (status === "lost") return;
      dispute.balance_transactions.push(
        moveOf(state, dispute, dispute.amount, 0, "dispute_reversal"),
      );
      state.emit("charge.dispute.funds_reinstated", dispute);
    },
    retrieve: find,
    list: (params: Params<"GET /v1/disputes">) =>
      page(
        "/v1/disputes",
        [...state.disputes.values()].filter(({ created }) => within(created, params.created)),
        params,
      ),
  };
}

function moveOf(
  state: State,
  { id, object, currency, payment_intent }: Dispute,
  amount: number,
  fee: number,
  reporting_category: string,
) {
  const source = { id, object, payment_intent };
  const type = "adjustment";
  return moveAccount(state, { amount, currency, fee, source, type, reporting_category });
}

/** What disputes of an invoice's payments have withdrawn and not reinstated. */
export function disputedOf(state: State, invoice: string): number {
  const intents = new Set(state.paymentsOf(invoice).map(({ payment_intent }) => payment_intent));
  if (intents.size === 0) return 0;
  return [...state.disputes.values()].filter(({ payment_intent }) => intents.has(payment_intent))
    .flatMap((dispute) => dispute.balance_transactions)
    .reduce((sum, { amount }) => sum - amount, 0);
}
