import { StripeFailure } from "./errors.ts";

/** Whose permission opens what begins so: `docs.stripe.com/keys/permissions-reference`. */
const RESOURCES: readonly (readonly [path: string, resource: string])[] = [
  ["/v1/account", "connected_account"],
  ["/v1/balance_transactions", "balance_transaction_source"],
  ["/v1/billing/meter_events", "billing_meter_event"],
  ["/v1/billing_portal", "customer_portal"],
  ["/v1/charges", "charge"],
  ["/v1/checkout", "checkout_session"],
  ["/v1/credit_notes", "credit_note"],
  ["/v1/customers", "customer"],
  ["/v1/disputes", "dispute"],
  ["/v1/events", "event"],
  ["/v1/invoice_payments", "invoice"],
  ["/v1/invoices", "invoice"],
  ["/v1/payment_intents", "payment_intent"],
  ["/v1/payment_records", "payment_record"],
  ["/v1/payouts", "payout"],
  ["/v1/refunds", "charge"],
  ["/v1/setup_intents", "setup_intent"],
  ["/v1/subscriptions", "subscription"],
  ["/v1/webhook_endpoints", "webhook"],
];

/**
 * What Stripe answers to a restricted key that may not make a request; null where it may. The right
 * to write has that to read in it: `docs.stripe.com/keys/restricted-api-keys`. The body of the
 * refusal is as in `github.com/stripe/stripe-node/issues/2246`: its type is that of any mistake of
 * the caller, and the message names the permission.
 */
export function refusalOf(
  method: string,
  path: string,
  key: string,
  granted: readonly string[],
): StripeFailure | null {
  const resource = RESOURCES.find(([begin]) => path === begin || path.startsWith(`${begin}/`))?.[1];
  if (resource === undefined) return null;
  const wanted = method === "GET" ? "read" : "write";
  const opens = wanted === "read"
    ? [`rak_${resource}_read`, `rak_${resource}_write`]
    : [`rak_${resource}_write`];
  if (opens.some((one) => granted.includes(one))) return null;
  const shown = `${key.slice(0, 8)}${"*".repeat(20)}${key.slice(-4)}`;
  return new StripeFailure(
    403,
    "invalid_request_error",
    `The provided key '${shown}' does not have the required permissions for this endpoint on ` +
      `account 'acct_standin'. Having the 'rak_${resource}_${wanted}' permission would allow this ` +
      "request to continue.",
  );
}
