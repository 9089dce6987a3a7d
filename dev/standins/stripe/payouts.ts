import type { Params } from "./params.ts";
import type { AccountMove, Payout } from "./objects.ts";
import { page, type State, within } from "./state.ts";

/** 2.9 % and 30 of the smallest unit: `stripe.com/pricing`. */
export const feeOf = (amount: number) => Math.round(amount * 0.029) + 30;

/**
 * The account's own balance: `docs.stripe.com/reports/balance-transaction-types`. Net is gross less
 * fee: `docs.stripe.com/api/balance_transactions/object`.
 */
export function moveAccount(
  state: State,
  move: Pick<AccountMove, "amount" | "currency" | "fee" | "source" | "type"> & Partial<AccountMove>,
): AccountMove {
  const made: AccountMove = {
    id: state.id("txn"),
    object: "balance_transaction",
    created: state.now(),
    description: null,
    exchange_rate: null,
    net: move.amount - move.fee,
    payout: null,
    reporting_category: move.type,
    ...move,
  };
  state.accountMoves.push(made);
  return made;
}

/**
 * Payouts: `docs.stripe.com/payouts/reconciliation`. The transactions of an automatic one can be
 * listed, its own among them; of one by hand Stripe does not say.
 */
export function payoutEndpoints(state: State) {
  return {
    list: (params: Params<"GET /v1/payouts">) =>
      page(
        "/v1/payouts",
        [...state.payouts.values()].filter(({ created }) => within(created, params.created)),
        params,
      ),
    transactions: (params: Params<"GET /v1/balance_transactions">) =>
      page(
        "/v1/balance_transactions",
        state.accountMoves.filter(({ payout, created }) =>
          (params.payout === undefined || params.payout === payout) &&
          within(created, params.created)
        ).map(({ source, ...move }) => ({
          ...move,
          payout: undefined,
          source: params.expand?.includes("data.source") ? source : source?.id ?? null,
        })),
        params,
      ),
    /** Stripe charges for Billing itself. */
    chargeFee: (amount: number, currency: string) =>
      moveAccount(state, {
        amount: -amount,
        currency,
        fee: 0,
        source: null,
        type: "stripe_fee",
        reporting_category: "fee",
        description: "Billing - Usage Fee",
      }),
    /** All that was not paid out goes to the bank, by itself or by hand. */
    pay: (currency: string, automatic = true): Payout => {
      const moves = state.accountMoves.filter((move) =>
        move.payout === null && move.currency === currency
      );
      const amount = moves.reduce((sum, { net }) => sum + net, 0);
      const payout: Payout = {
        id: state.id("po"),
        object: "payout",
        amount,
        arrival_date: state.now() + 2 * 86_400,
        automatic,
        created: state.now(),
        currency,
        livemode: state.livemode,
        reconciliation_status: automatic ? "completed" : "not_applicable",
        status: "paid",
      };
      state.payouts.set(payout.id, payout);
      const own = moveAccount(state, {
        amount: -amount,
        currency,
        fee: 0,
        source: { id: payout.id, object: "payout", payment_intent: null },
        type: "payout",
      });
      for (const move of [...moves, own]) move.payout = automatic ? payout.id : "by hand";
      return payout;
    },
  };
}
