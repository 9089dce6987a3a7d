import type Stripe from "stripe";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import { isRateLimit, retryAfter } from "../_shared/stripe/failures.ts";
import { after, type Progress, unread } from "./progress.ts";

/** Where the list of payouts goes on, and where in the one that comes next, as a cursor. */
interface Place {
  /** The last payout that was done. */
  readonly done: string | null;
  /** One that was cut off, and the last of its transactions that is noted. */
  readonly begun: string | null;
  readonly last: string | null;
}

function placeOf(cursor: string | null): Place {
  const [done = "", begun = "", last = ""] = (cursor ?? "").split(" ");
  return { done: done || null, begun: begun || null, last: last || null };
}

const cursorOf = ({ done, begun, last }: Place) =>
  [done ?? "", begun ?? "", last ?? ""].join(" ").trimEnd();

/**
 * Notes the payouts made since then and, of those that Stripe has settled, what they are made of, page
 * by page. Stripe knows that of automatic ones alone: docs.stripe.com/payouts/reconciliation. One that
 * is cut off, which may have tens of thousands of transactions, goes on after its last page. One that
 * fails is a difference, and stops no other.
 */
export async function mirrorPayouts(
  progress: Progress,
  ports: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const { isOver, pause, count } = progress;
  const place = placeOf(cursor);
  let { done } = place;
  let isFirst = true;
  const page = { created: { gte: progress.since }, limit: 100, ...after(done) };
  try {
    for await (const payout of ports.stripe.payouts.list(page)) {
      if (!isFirst && isOver()) return cursorOf({ done, begun: null, last: null });
      const from = payout.id === place.begun ? place.last : null;
      const last = await mirrorOrLeaveOut(payout, from, progress, ports);
      if (last !== null) return cursorOf({ done, begun: payout.id, last });
      isFirst = false;
      done = payout.id;
      count(1);
    }
  } catch (error) {
    if (isRateLimit(error)) pause(retryAfter(error));
    if (isFirst || !isOver()) throw error;
    return cursorOf({ done, begun: null, last: null });
  }
  return null;
}

async function mirrorOrLeaveOut(
  payout: Stripe.Payout,
  from: string | null,
  progress: Progress,
  ports: StripePorts,
): Promise<string | null> {
  try {
    return await mirrorOne(payout, from, progress, ports);
  } catch (error) {
    if (isRateLimit(error)) throw error;
    progress.report.left.push(unread(`payout ${payout.id}`, error));
    return null;
  }
}

/** Null when all of a payout is noted, else its last transaction that is. */
async function mirrorOne(
  payout: Stripe.Payout,
  from: string | null,
  progress: Progress,
  ports: StripePorts,
): Promise<string | null> {
  const { store } = ports;
  if (await store.savePayout(payout)) {
    const last = await noteParts(payout, from, progress, ports);
    if (last !== null) return last;
    await store.completePayout(payout.id);
  }
  // Also of one that was complete before: the call that completed it may have been killed.
  const difference = await store.payoutDifference(payout.id);
  if (difference !== null) {
    progress.report.left.push({
      kind: "payout",
      number: null,
      stripe_invoice_id: payout.id,
      ours: `parts come to ${difference.parts_minor}`,
      stripes: `${difference.amount_minor} ${payout.currency}`,
    });
  }
  return null;
}

/** Notes what a payout is made of; null when that is all, else its last transaction that is noted. */
async function noteParts(
  payout: Stripe.Payout,
  from: string | null,
  { isOver, pause, count }: Progress,
  { stripe, store }: StripePorts,
): Promise<string | null> {
  let last = from;
  try {
    for (let isMore = true; isMore;) {
      // With what each move comes from: that says which payment it is of.
      const { data, has_more } = await stripe.balanceTransactions.list({
        payout: payout.id,
        limit: 100,
        expand: ["data.source"],
        ...after(last),
      });
      if (data.length > 0) await store.savePayoutTransactions(payout.id, data);
      count(data.length);
      last = data.at(-1)?.id ?? last;
      isMore = has_more && data.length > 0;
      if (isMore && isOver()) return last;
    }
  } catch (error) {
    if (isRateLimit(error) && last !== from) pause(retryAfter(error));
    if (last === from || !isOver()) throw error;
    return last;
  }
  return null;
}
