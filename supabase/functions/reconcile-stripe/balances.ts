import { takeBalanceOver } from "../_shared/stripe/balance.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import { after, forEach, type Progress } from "./progress.ts";

/** Balances of customers that are not zero, in whatever currency. */
export async function applyBalances(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const listed = ports.stripe.customers.list({
    limit: 100,
    ...after(cursor),
    expand: ["data.invoice_credit_balance"],
  });
  return await forEach(listed, "balance of", progress, async (customer) => {
    const others = Object.values(customer.invoice_credit_balance ?? {});
    if (customer.balance === 0 && others.every((one) => one === 0)) return;
    await takeBalanceOver(customer.id, ports);
  });
}

/**
 * What clients have transferred and Stripe has put on no invoice, because it is more than one or fits
 * none: docs.stripe.com/payments/customer-balance (cash balances). Only the seller can say what it is
 * for, so it is told. A list of its own: where a key may not read it, credit balances are read still.
 */
export async function tellCashBalances(
  progress: Progress,
  { stripe, store }: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const listed = stripe.customers.list({
    limit: 100,
    ...after(cursor),
    expand: ["data.cash_balance"],
  });
  return await forEach(listed, "bank transfers of", progress, async (customer) => {
    const { id, metadata, cash_balance } = customer;
    const held = Object.entries(cash_balance?.available ?? {}).filter(([, amount]) => amount !== 0);
    if (held.length === 0) return;
    // One that was adopted says nothing of us.
    if (metadata.leveredge_client_id === undefined && !await store.isOwnCustomer(id)) return;
    for (const [currency, amount] of held) {
      progress.report.left.push({
        kind: "cash_balance",
        number: null,
        stripe_invoice_id: id,
        ours: "on no invoice",
        stripes: `${amount} ${currency}`,
      });
    }
  });
}
