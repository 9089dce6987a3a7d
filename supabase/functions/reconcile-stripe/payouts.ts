import type Stripe from "stripe";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import { after, forEach, type Progress } from "./progress.ts";

/**
 * Notes the payouts made since then and, of those that Stripe has settled, what they are made of.
 * Stripe knows that of automatic ones alone: docs.stripe.com/payouts/reconciliation. One that is cut
 * off is listed again.
 */
export async function mirrorPayouts(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const { stripe, store } = ports;
  const listed = stripe.payouts.list({
    created: { gte: progress.since },
    limit: 100,
    ...after(cursor),
  });
  return await forEach(listed, "payout", progress, async (payout) => {
    if (!await store.savePayout(payout)) return;
    await fetchTransactions(payout.id, ports);
    const difference = await store.completePayout(payout.id);
    if (difference === null) return;
    progress.report.left.push({
      kind: "payout",
      number: null,
      stripe_invoice_id: payout.id,
      ours: `parts come to ${difference.parts_minor}`,
      stripes: `${difference.amount_minor} ${payout.currency}`,
    });
  });
}

/** With what each move comes from: that says which payment it is of. */
async function fetchTransactions(payout: string, { stripe, store }: StripePorts): Promise<void> {
  let page: Stripe.BalanceTransaction[] = [];
  const keep = async () => {
    if (page.length > 0) await store.savePayoutTransactions(payout, page);
    page = [];
  };
  const listed = stripe.balanceTransactions.list({ payout, limit: 100, expand: ["data.source"] });
  for await (const transaction of listed) {
    page.push(transaction);
    if (page.length === 100) await keep();
  }
  await keep();
}
