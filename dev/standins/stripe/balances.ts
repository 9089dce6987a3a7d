import type { Params } from "./params.ts";
import type { BalanceTransaction, Customer, Invoice } from "./objects.ts";
import { page, type State } from "./state.ts";

/**
 * A customer's credit balance per currency: a list of transactions, negative is credit.
 * `docs.stripe.com/billing/customer/balance`; types in
 * `docs.stripe.com/billing/customer/balance#transaction-types`.
 */
export function balanceEndpoints(state: State) {
  return {
    create: (id: string, params: Params<"POST /v1/customers/:id/balance_transactions">) =>
      moveBalance(state, state.customer(id), {
        amount: params.amount,
        currency: params.currency,
        type: "adjustment",
        metadata: params.metadata ?? {},
      }),
    list: (id: string, params: Params<"GET /v1/customers/:id/balance_transactions">) =>
      page(
        `/v1/customers/${id}/balance_transactions`,
        state.balanceTransactions.filter(({ customer }) => customer === state.customer(id).id),
        params,
      ),
    /** Credit of the Dashboard: Adjust balance. */
    giveCredit: (customer: string, amount: number, currency: string) =>
      moveBalance(state, state.customer(customer), {
        amount: -amount,
        currency,
        type: "adjustment",
      }),
  };
}

/** What a customer's balance is in a currency. */
export function balanceOf(state: State, customer: string, currency: string): number {
  return state.balanceTransactions.reduce(
    (sum, one) => one.customer === customer && one.currency === currency ? sum + one.amount : sum,
    0,
  );
}

/** Adds a transaction, and tells of the customer that is changed by it. */
export function moveBalance(
  state: State,
  customer: Customer,
  move: Pick<BalanceTransaction, "amount" | "currency" | "type"> & Partial<BalanceTransaction>,
): BalanceTransaction {
  const made: BalanceTransaction = {
    invoice: null,
    credit_note: null,
    metadata: {},
    ...move,
    id: state.id("cbtxn"),
    object: "customer_balance_transaction",
    created: state.now(),
    customer: customer.id,
    ending_balance: balanceOf(state, customer.id, move.currency) + move.amount,
    livemode: state.livemode,
  };
  state.balanceTransactions.push(made);
  const before = customer.balance;
  customer.balance = made.ending_balance;
  state.emit("customer.updated", customer, { balance: before });
  return made;
}

/**
 * Finalizing takes the balance into what is due: credit is used up, debt is added.
 * `docs.stripe.com/invoicing/customer/balance` (Credit balances).
 */
export function applyBalance(state: State, invoice: Invoice, total: number): void {
  const customer = state.customer(invoice.customer);
  const balance = balanceOf(state, customer.id, invoice.currency);
  invoice.starting_balance = balance;
  invoice.ending_balance = Math.min(balance + total, 0);
  const moved = invoice.ending_balance - balance;
  if (moved === 0) return;
  moveBalance(state, customer, {
    amount: moved,
    currency: invoice.currency,
    type: "applied_to_invoice",
    invoice: invoice.id,
  });
}
