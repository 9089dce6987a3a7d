import { setTimeout } from "node:timers/promises";
import type { Sql } from "postgres";
import { z } from "zod";
import { agrees, bothSides } from "../standins/stripe/both-sides.ts";
import type { StripeStandIn } from "../standins/stripe/server.ts";
import type { MonthInvoice } from "../test/support/june/month.ts";
import type { DataApi } from "./send.ts";

/** What became of the invoices in Stripe. */
export interface StripeOutcome {
  readonly sent: number;
  /** Those of which Stripe and the books say the same: total, status, money received. */
  readonly equal: number;
  /** Invoices that Stripe cannot have, and why. */
  readonly refused: readonly { readonly number: string; readonly reason: string }[];
  /** By what the client did: number of the invoice. */
  readonly failed: string;
  readonly refunded: string;
  readonly voided: string;
  readonly paid: number;
  /** Differences that reconciliation found. */
  readonly differences: number;
}

const problem = z.object({ detail: z.string() });
const reconciliation = z.object({ found: z.array(z.unknown()), left: z.array(z.unknown()) });

/**
 * Brings every invoice to the Stripe stand-in; one client's card is declined, one is refunded half,
 * one's invoice is voided there, all others pay. Ends when all webhooks are answered and both sides
 * are compared.
 */
export async function liveThroughStripe(
  api: DataApi,
  stripe: StripeStandIn,
  invoices: readonly MonthInvoice[],
  sql: Sql,
  tell: (sent: number) => void,
): Promise<StripeOutcome> {
  const refused: { number: string; reason: string }[] = [];
  let sent = 0;
  for (const { id, number } of invoices.filter(({ status }) => status === "open")) {
    const response = await callFunction(api, "create-stripe-invoice", { invoice_id: id });
    if (response.ok) tell(sent += 1);
    else refused.push({ number, reason: problem.parse(await response.json()).detail });
  }
  const open = [...stripe.state.invoices.values()].filter(({ status }) => status === "open");
  const [failed, refunded, voided, ...others] = open.map(({ id, number }) => ({ id, number }));
  if (failed === undefined || refunded === undefined || voided === undefined) {
    throw new Error(`only ${open.length} invoices reached Stripe`);
  }
  stripe.failPayment(failed.id);
  stripe.payInvoice(refunded.id);
  for (const { id } of others) stripe.payInvoice(id);
  stripe.dashboard.voidInvoice(voided.id);
  // A refund is made when the payment is known; Stripe takes longer than we do.
  await stripe.webhooks.settled();
  const half = Math.floor(stripe.state.invoice(refunded.id).amount_paid / 2);
  stripe.dashboard.refund(refunded.id, half - half % 10);
  await stripe.webhooks.settled();
  await eventsProcessed(sql);
  const answer = await callFunction(api, "reconcile-stripe", { days: 2 });
  const { found, left } = reconciliation.parse(await answer.json());
  const sides = await bothSides(sql, stripe.state);
  return {
    sent,
    equal: sides.filter(agrees).length,
    refused,
    failed: failed.number ?? "",
    refunded: refunded.number ?? "",
    voided: voided.number ?? "",
    paid: sides.filter(({ status }) => status === "paid").length,
    differences: found.length + left.length,
  };
}

/** Webhooks are answered first and acted on then; resolves when that is done for all of them. */
async function eventsProcessed(sql: Sql): Promise<void> {
  for (let pending = 1; pending > 0;) {
    await setTimeout(100);
    await sql`select billing.process_stripe_events()`;
    const rows = await sql`select from billing.stripe_events where state = 'pending'`;
    pending = rows.length;
  }
}

/** What the demo prints about Stripe. */
export function stripeReport(outcome: StripeOutcome): string {
  return [
    `Stripe       ${outcome.equal} of ${outcome.sent} invoices are there as they are here: ` +
    `${outcome.paid} paid, ${outcome.refunded} half refunded, ${outcome.failed} declined, ` +
    `${outcome.voided} voided`,
    ...outcome.refused.map(({ number, reason }) => `             ${number} not sent: ${reason}`),
    `Reconciled   ${outcome.differences} differences between Stripe and the books`,
  ].join("\n");
}

async function callFunction({ url, secretKey }: DataApi, name: string, body: unknown) {
  return await fetch(`${url}/functions/v1/${name}`, {
    method: "POST",
    headers: { apikey: secretKey, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}
