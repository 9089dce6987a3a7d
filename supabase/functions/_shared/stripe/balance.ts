import type Stripe from "stripe";
import { isMissing } from "./failures.ts";
import type { StripeStore } from "./store.ts";

/** What taking a balance over needs. */
export interface BalancePorts {
  readonly stripe: Stripe;
  readonly store: Pick<StripeStore, "applyBalance" | "applyInvoice" | "unknownInvoices">;
  readonly now: () => Date;
}

/**
 * Takes the credit balance that Stripe keeps of a customer over into ours: books what moved it, then
 * takes it to zero, so that Stripe applies nothing to invoices by itself. Killed between the two, the
 * next call books nothing and goes on; the key is that of the newest move, so it is done once.
 */
export async function takeBalanceOver(customer: string, ports: BalancePorts): Promise<void> {
  const { stripe, store, now } = ports;
  const seen = now();
  const moves: Stripe.CustomerBalanceTransaction[] = [];
  for await (const move of stripe.customers.listBalanceTransactions(customer, { limit: 100 })) {
    moves.push(move);
  }
  const newest = moves[0];
  if (newest === undefined) return;
  for (const id of await store.unknownInvoices(moves)) await makeKnown(id, ports);
  await store.applyBalance(customer, moves, seen);
  const balances = new Map<string, number>();
  for (const { currency, amount } of moves) {
    balances.set(currency, (balances.get(currency) ?? 0) + amount);
  }
  for (const [currency, balance] of balances) {
    if (balance === 0) continue;
    await stripe.customers.createBalanceTransaction(customer, {
      amount: -balance,
      currency,
      description: "Taken over: the balance is kept outside of Stripe",
      metadata: { leveredge_balance: "taken over" },
    }, { idempotencyKey: `balance-${newest.id}-${currency}` });
  }
}

/** An invoice of Stripe, which may be a revision of one of ours, or of such a revision. */
async function makeKnown(id: string, ports: BalancePorts): Promise<void> {
  const { stripe, store, now } = ports;
  try {
    const invoice = await stripe.invoices.retrieve(id);
    const outcome = await store.applyInvoice(invoice, now());
    const revised = invoice.from_invoice?.invoice;
    if (outcome !== null || revised === undefined) return;
    await makeKnown(typeof revised === "string" ? revised : revised.id, ports);
    await store.applyInvoice(invoice, now());
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
