import type { StripeStore } from "../_shared/stripe/store.ts";
import type { Difference } from "./compare.ts";
import { REMEDIES } from "../../../shared/stripe/remedies.ts";

/** Differences that one reconciliation tells of one by one; the next tells of the others. */
const MOST_TOLD = 100;

/** What telling needs. */
export interface TellPorts {
  readonly store: Pick<StripeStore, "report">;
  readonly now: () => Date;
}

/**
 * Each difference once, with its remedy; unreadable objects once a day. The id of the request that
 * Stripe refused is another each time, as is what is left to credit: that is no other difference.
 */
export async function tellDifferences(
  left: readonly Difference[],
  { store, now }: TellPorts,
): Promise<void> {
  const today = now().toISOString().slice(0, 10);
  let told = 0;
  for (const [place, { kind, number, stripe_invoice_id, ours, stripes }] of left.entries()) {
    if (told === MOST_TOLD) {
      await store.report(
        `differences/${today}`,
        `Stripe and the books differ: ${told} differences are told one by one, up to ` +
          `${left.length - place} others by the next reconciliations; call reconcile-stripe to ` +
          "see them all",
      );
      return;
    }
    const subject = number ?? stripe_invoice_id ?? "";
    const said = stripes.replace(/, req_\w+(?=\))/, "");
    // The same amount may wait again: told once a month.
    const key = kind === "cash_balance"
      ? `${today.slice(0, 7)}/${subject}/${ours}/${said}`
      : kind === "unread"
      ? `${today}/${ours}`
      : kind === "credit_note"
      ? `${subject}/${said}`
      : `${subject}/${ours}/${said}`;
    const isNew = await store.report(
      `difference/${kind}/${key}`.slice(0, 500),
      `Stripe and the books differ (${kind}): ${subject} ours ${ours}, Stripe's ${stripes}. ` +
        REMEDIES[kind],
    );
    if (isNew) told += 1;
  }
}
