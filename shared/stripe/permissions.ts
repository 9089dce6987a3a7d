/** A permission of a restricted key, as the Dashboard names it. */
export interface StripePermission {
  /** The row of the Dashboard's list. */
  readonly name: string;
  /** Write has Read in it. */
  readonly access: "Read" | "Write";
  /** How Stripe's refusals name it. */
  readonly slug: string;
  readonly what: string;
  /** Needed only where what it says is used. */
  readonly optional?: true;
  /**
   * Requests that Stripe refuses with 403 without the permission and that change nothing with it:
   * Stripe looks at permissions before it looks for the object, and no object has these ids.
   */
  readonly probes: readonly string[];
}

/**
 * What a restricted key must be allowed. This is the one list: `stripe:check` asks for each, and a
 * test compares it with docs/stripe-setup.md. Slugs by `docs.stripe.com/keys/permissions-reference`.
 */
export const STRIPE_PERMISSIONS: readonly StripePermission[] = [
  {
    name: "Customers",
    access: "Write",
    slug: "rak_customer_write",
    what: "clients are customers, with their tax ids; credit balances are taken over",
    probes: [
      "POST /v1/customers/cus_none",
      "POST /v1/customers/cus_none/tax_ids",
      "POST /v1/customers/cus_none/balance_transactions",
    ],
  },
  {
    name: "Invoices",
    access: "Write",
    slug: "rak_invoice_write",
    what: "invoices are made, sent, voided and written off; their payments are read",
    probes: ["POST /v1/invoices/in_none", "GET /v1/invoice_payments"],
  },
  {
    name: "Credit notes",
    access: "Write",
    slug: "rak_credit_note_write",
    what: "credits and refunds that are made here are told to Stripe",
    probes: ["POST /v1/credit_notes/cn_none"],
  },
  {
    name: "Charges and Refunds",
    access: "Read",
    slug: "rak_charge_read",
    what: "refunds are booked",
    probes: ["GET /v1/refunds", "GET /v1/charges/ch_none"],
  },
  {
    name: "Payment Intents",
    access: "Read",
    slug: "rak_payment_intent_read",
    what: "events of another API version are read in ours",
    probes: ["GET /v1/payment_intents/pi_none"],
  },
  {
    name: "Disputes",
    access: "Read",
    slug: "rak_dispute_read",
    what: "disputes are booked",
    probes: ["GET /v1/disputes"],
  },
  {
    name: "Events",
    access: "Read",
    slug: "rak_event_read",
    what: "events that never came are fetched",
    probes: ["GET /v1/events"],
  },
  {
    name: "Subscriptions",
    access: "Read",
    slug: "rak_subscription_read",
    what: "service and base fee follow subscriptions",
    probes: ["GET /v1/subscriptions"],
  },
  {
    name: "Webhook Endpoints",
    access: "Read",
    slug: "rak_webhook_read",
    what: "`stripe:check` looks at the endpoint",
    probes: ["GET /v1/webhook_endpoints"],
  },
  {
    name: "Accounts",
    access: "Read",
    slug: "rak_connected_account_read",
    what: "`stripe:check` looks at the account",
    probes: ["GET /v1/account"],
  },
  {
    name: "Payment Records",
    access: "Write",
    slug: "rak_payment_record_write",
    what: "part payments that were made elsewhere are told to Stripe",
    probes: ["POST /v1/payment_records/report_payment"],
  },
  {
    name: "Payouts",
    access: "Read",
    slug: "rak_payout_read",
    what: "payouts are matched with invoices, refunds and fees",
    probes: ["GET /v1/payouts"],
  },
  {
    name: "Balance Transaction Sources",
    access: "Read",
    slug: "rak_balance_transaction_source_read",
    what: "what a payout is made of, with Stripe's fees",
    probes: ["GET /v1/balance_transactions"],
  },
  {
    name: "Checkout Sessions",
    access: "Write",
    slug: "rak_checkout_session_write",
    what: "for pages on which a client stores a card or mandate",
    optional: true,
    probes: ["POST /v1/checkout/sessions"],
  },
  {
    name: "Setup Intents",
    access: "Read",
    slug: "rak_setup_intent_read",
    what: "the method that a client has stored",
    optional: true,
    probes: ["GET /v1/setup_intents/seti_none"],
  },
  {
    name: "Customer portal",
    access: "Write",
    slug: "rak_customer_portal_write",
    what: "for links to Stripe's customer portal",
    optional: true,
    probes: ["POST /v1/billing_portal/sessions"],
  },
  {
    name: "Billing meter events",
    access: "Write",
    slug: "rak_billing_meter_event_write",
    what: "with meters only: Stripe is told of usage",
    optional: true,
    probes: ["POST /v1/billing/meter_events"],
  },
];
