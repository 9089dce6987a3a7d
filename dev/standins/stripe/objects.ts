/** What Stripe's objects have here; extra fields of Stripe's shape are added when they are shown. */
import type { Params } from "./params.ts";

type Metadata = Record<string, string>;

/** A customer. Extra fields of Stripe's shape are added when it is shown. */
export interface Customer {
  readonly id: string;
  readonly object: "customer";
  readonly created: number;
  readonly livemode: boolean;
  balance: number;
  deleted?: true;
  name: string | null;
  email: string | null;
  description: string | null;
  address: Record<string, string> | null;
  tax_exempt: "none" | "exempt" | "reverse";
  preferred_locales: string[];
  metadata: Metadata;
  invoice_settings?: { default_payment_method: string | null };
}

/** A line of an invoice. */
export interface Line {
  readonly id: string;
  readonly object: "line_item";
  readonly amount: number;
  readonly currency: string;
  readonly description: string | null;
  readonly discountable: boolean;
  readonly invoice: string;
  readonly livemode: boolean;
  readonly metadata: Metadata;
  readonly period: { start: number; end: number };
  readonly quantity: number;
  readonly subtotal: number;
}

/** An invoice; totals are kept, as Stripe keeps them, in the currency's smallest unit. */
export interface Invoice {
  readonly id: string;
  readonly object: "invoice";
  readonly created: number;
  readonly livemode: boolean;
  readonly customer: string;
  readonly currency: string;
  readonly collection_method: "send_invoice" | "charge_automatically";
  readonly days_until_due: number | null;
  readonly metadata: Metadata;
  readonly description: string | null;
  status: "draft" | "open" | "paid" | "uncollectible" | "void";
  number: string | null;
  auto_advance: boolean;
  due_date: number | null;
  lines: Line[];
  amount_paid: number;
  amount_overpaid: number;
  attempt_count: number;
  attempted: boolean;
  hosted_invoice_url: string | null;
  invoice_pdf: string | null;
  pre_payment_credit_notes_amount: number;
  post_payment_credit_notes_amount: number;
  starting_balance: number;
  ending_balance: number | null;
  from_invoice: { readonly action: "revision"; readonly invoice: string } | null;
  latest_revision: string | null;
  readonly payment_settings: Params<"POST /v1/invoices">["payment_settings"];
  status_transitions: Record<
    "finalized_at" | "marked_uncollectible_at" | "paid_at" | "voided_at",
    number | null
  >;
}

/** A payment of an invoice, with the intent and the charge behind it. */
export interface Payment {
  readonly id: string;
  readonly invoice: string;
  readonly payment_intent: string | null;
  readonly charge: string | null;
  /** Of a payment elsewhere that was reported. */
  readonly payment_record?: string;
  readonly amount_paid: number;
  readonly created: number;
  refunded: number;
}

/** A credit note. */
export interface CreditNote {
  readonly id: string;
  readonly object: "credit_note";
  readonly created: number;
  readonly livemode: boolean;
  readonly invoice: string;
  readonly customer: string;
  readonly currency: string;
  readonly number: string;
  readonly amount: number;
  readonly total: number;
  readonly pre_payment_amount: number;
  readonly post_payment_amount: number;
  readonly out_of_band_amount: number | null;
  readonly refunds: { refund: string; amount_refunded: number; type: "refund" }[];
  readonly memo: string | null;
  readonly reason: string | null;
  status: "issued" | "void";
  voided_at: number | null;
  readonly type: "pre_payment" | "post_payment" | "mixed";
  readonly metadata: Metadata;
}

/** A refund. */
export interface Refund {
  readonly id: string;
  readonly object: "refund";
  readonly created: number;
  readonly amount: number;
  readonly currency: string;
  readonly charge: string;
  readonly payment_intent: string;
  status: "pending" | "succeeded" | "failed" | "canceled";
  failure_reason: string | null;
  readonly metadata: Metadata;
}

/** A move of a customer's credit balance; negative is credit. */
export interface BalanceTransaction {
  readonly id: string;
  readonly object: "customer_balance_transaction";
  readonly created: number;
  readonly amount: number;
  readonly currency: string;
  readonly customer: string;
  readonly ending_balance: number;
  readonly invoice: string | null;
  readonly credit_note: string | null;
  readonly livemode: boolean;
  readonly metadata: Metadata;
  readonly type:
    | "adjustment"
    | "applied_to_invoice"
    | "unapplied_from_invoice"
    | "credit_note"
    | "invoice_overpaid"
    | "invoice_too_large"
    | "invoice_too_small";
}

/** A dispute, with what it moved on the account's balance. */
export interface Dispute {
  readonly id: string;
  readonly object: "dispute";
  readonly created: number;
  readonly amount: number;
  readonly balance_transactions: { readonly id: string; readonly amount: number }[];
  readonly charge: string | null;
  readonly currency: string;
  readonly livemode: boolean;
  readonly payment_intent: string | null;
  readonly reason: string;
  status: "needs_response" | "won" | "lost";
}

/** A Checkout Session in mode `setup`, and the SetupIntent behind it. */
export interface SetupSession {
  readonly id: string;
  readonly object: "checkout.session";
  readonly mode: "setup";
  readonly customer: string;
  readonly currency: string;
  readonly created: number;
  readonly expires_at: number;
  readonly livemode: boolean;
  readonly setup_intent: string;
  readonly url: string;
  readonly success_url: string;
  readonly allowed_payment_method_types: readonly string[] | null;
  status: "open" | "complete" | "expired";
}

/** What a SetupIntent has come to. */
export interface SetupIntent {
  readonly id: string;
  readonly object: "setup_intent";
  readonly customer: string;
  status: "requires_payment_method" | "requires_action" | "succeeded";
  payment_method: string | null;
}

/** A move of the account's balance, with what it comes from. */
export interface AccountMove {
  readonly id: string;
  readonly object: "balance_transaction";
  readonly amount: number;
  readonly created: number;
  readonly currency: string;
  readonly description: string | null;
  readonly exchange_rate: number | null;
  readonly fee: number;
  readonly net: number;
  readonly reporting_category: string;
  readonly source: {
    readonly id: string;
    readonly object: string;
    readonly payment_intent: string | null;
  } | null;
  readonly type: string;
  payout: string | null;
}

/** A payout to the bank account of the account's owner. */
export interface Payout {
  readonly id: string;
  readonly object: "payout";
  readonly amount: number;
  readonly arrival_date: number;
  readonly automatic: boolean;
  readonly created: number;
  readonly currency: string;
  readonly livemode: boolean;
  reconciliation_status: "completed" | "in_progress" | "not_applicable";
  status: "pending" | "in_transit" | "paid" | "failed" | "canceled";
}

/** An event, as it is listed and sent. */
export interface Event {
  readonly id: string;
  readonly object: "event";
  readonly api_version: string;
  readonly created: number;
  readonly livemode: boolean;
  readonly type: string;
  readonly pending_webhooks: number;
  readonly request: { id: string | null; idempotency_key: string | null };
  readonly data: { object: unknown; previous_attributes?: unknown };
}
