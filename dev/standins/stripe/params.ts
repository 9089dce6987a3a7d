import { z } from "zod";

// The parameters of the endpoints that are stood in for, as Stripe takes them. Stripe may know
// a parameter that is not listed here; either way the product does not send it, so it is refused.

const integer = z.string().regex(/^-?\d+$/, "Invalid integer").transform(Number);
const flag = z.enum(["true", "false"]).transform((value) => value === "true");
const expand = z.array(z.string()).optional();
const metadata = z.record(z.string().max(40), z.string().max(500))
  .refine((value) => Object.keys(value).length <= 50, "too many metadata keys").optional();
const text = (most: number) => z.string().max(most).optional();
const range = z.union([
  integer.transform((value) => ({ gte: value, lte: value })),
  z.strictObject({
    gt: integer.optional(),
    gte: integer.optional(),
    lt: integer.optional(),
    lte: integer.optional(),
  }),
]).optional();
const paging = {
  limit: integer.pipe(z.number().min(1).max(100)).optional(),
  starting_after: z.string().optional(),
  ending_before: z.string().optional(),
  expand,
};
const address = z.strictObject({
  line1: z.string().optional(),
  line2: z.string().optional(),
  city: z.string().optional(),
  state: z.string().optional(),
  postal_code: z.string().optional(),
  country: z.string().optional(),
});
const customer = {
  name: text(256),
  email: text(512),
  description: text(350),
  address: z.union([address, z.literal("")]).optional(),
  tax_exempt: z.enum(["none", "exempt", "reverse"]).optional(),
  invoice_settings: z.strictObject({ default_payment_method: z.string() }).optional(),
  preferred_locales: z.array(z.string()).optional(),
  metadata,
  expand,
};

const bankTransfer = z.strictObject({
  type: z.enum([
    "eu_bank_transfer",
    "gb_bank_transfer",
    "jp_bank_transfer",
    "mx_bank_transfer",
    "us_bank_transfer",
  ]),
  eu_bank_transfer: z.strictObject({ country: z.enum(["DE", "FR", "IE", "NL"]) }).optional(),
});

/** Parameters by `METHOD /path/:id`; each strict, as Stripe is. */
export const PARAMS = {
  "GET /v1/account": z.strictObject({ expand }),
  "GET /v1/webhook_endpoints": z.strictObject(paging),
  "POST /v1/customers": z.strictObject(customer),
  "GET /v1/customers": z.strictObject({ ...paging, email: z.string().optional(), created: range }),
  "GET /v1/customers/search": z.strictObject({
    query: z.string(),
    limit: paging.limit,
    page: z.string().optional(),
    expand,
  }),
  "GET /v1/customers/:id": z.strictObject({ expand }),
  "POST /v1/customers/:id": z.strictObject(customer),
  "DELETE /v1/customers/:id": z.strictObject({}),
  "GET /v1/customers/:id/balance_transactions": z.strictObject(paging),
  "POST /v1/customers/:id/balance_transactions": z.strictObject({
    amount: integer,
    currency: z.string().regex(/^[a-z]{3}$/),
    description: text(350),
    metadata,
    expand,
  }),
  "POST /v1/customers/:id/funding_instructions": z.strictObject({
    currency: z.string(),
    funding_type: z.literal("bank_transfer"),
    bank_transfer: bankTransfer,
    expand,
  }),
  "GET /v1/customers/:id/tax_ids": z.strictObject(paging),
  "POST /v1/customers/:id/tax_ids": z.strictObject({
    type: z.string(),
    value: z.string(),
    expand,
  }),
  "DELETE /v1/customers/:id/tax_ids/:tax_id": z.strictObject({}),
  "POST /v1/invoices": z.strictObject({
    customer: z.string(),
    currency: z.string().regex(/^[a-z]{3}$/),
    collection_method: z.enum(["send_invoice", "charge_automatically"]).optional(),
    days_until_due: integer.optional(),
    due_date: integer.optional(),
    auto_advance: flag.optional(),
    pending_invoice_items_behavior: z.enum(["exclude", "include"]).optional(),
    number: text(26),
    description: text(1500),
    footer: text(5000),
    payment_settings: z.strictObject({
      payment_method_types: z.array(z.string()).optional(),
      payment_method_options: z.strictObject({
        customer_balance: z.strictObject({
          funding_type: z.literal("bank_transfer"),
          bank_transfer: bankTransfer,
        }),
      }).optional(),
    }).optional(),
    custom_fields: z.array(z.strictObject({ name: z.string().max(40), value: z.string().max(140) }))
      .max(4).optional(),
    metadata,
    expand,
  }),
  "GET /v1/invoices": z.strictObject({
    ...paging,
    customer: z.string().optional(),
    status: z.enum(["draft", "open", "paid", "uncollectible", "void"]).optional(),
    created: range,
  }),
  "GET /v1/invoices/:id": z.strictObject({ expand }),
  "POST /v1/invoices/:id": z.strictObject({ auto_advance: flag.optional(), expand }),
  "DELETE /v1/invoices/:id": z.strictObject({}),
  "GET /v1/invoices/:id/lines": z.strictObject(paging),
  "POST /v1/invoices/:id/add_lines": z.strictObject({
    lines: z.array(z.strictObject({
      amount: integer,
      description: text(5000),
      discountable: flag.optional(),
      period: z.strictObject({ start: integer, end: integer }).optional(),
      metadata,
    })).min(1).max(250),
    expand,
  }),
  "POST /v1/invoices/:id/finalize": z.strictObject({ auto_advance: flag.optional(), expand }),
  "POST /v1/invoices/:id/send": z.strictObject({ expand }),
  "POST /v1/invoices/:id/pay": z.strictObject({ paid_out_of_band: flag.optional(), expand }),
  "POST /v1/invoices/:id/void": z.strictObject({ expand }),
  "POST /v1/invoices/:id/mark_uncollectible": z.strictObject({ expand }),
  "GET /v1/invoice_payments/:id": z.strictObject({ expand }),
  "GET /v1/invoice_payments": z.strictObject({
    ...paging,
    invoice: z.string().optional(),
    status: z.enum(["canceled", "open", "paid"]).optional(),
    payment: z.strictObject({
      type: z.enum(["payment_intent", "payment_record"]),
      payment_intent: z.string().optional(),
    }).optional(),
  }),
  "POST /v1/credit_notes": z.strictObject({
    invoice: z.string(),
    amount: integer.optional(),
    credit_amount: integer.optional(),
    refund_amount: integer.optional(),
    out_of_band_amount: integer.optional(),
    memo: text(5000),
    reason: z.enum(["duplicate", "fraudulent", "order_change", "product_unsatisfactory"])
      .optional(),
    email_type: z.enum(["credit_note", "none"]).optional(),
    metadata,
    expand,
  }),
  "GET /v1/credit_notes/:id": z.strictObject({ expand }),
  "GET /v1/credit_notes": z.strictObject({
    ...paging,
    invoice: z.string().optional(),
    customer: z.string().optional(),
    created: range,
  }),
  "GET /v1/charges/:id": z.strictObject({ expand }),
  "GET /v1/payment_intents/:id": z.strictObject({ expand }),
  "GET /v1/refunds": z.strictObject({
    ...paging,
    charge: z.string().optional(),
    payment_intent: z.string().optional(),
    created: range,
  }),
  "GET /v1/refunds/:id": z.strictObject({ expand }),
  "GET /v1/disputes": z.strictObject({
    ...paging,
    charge: z.string().optional(),
    payment_intent: z.string().optional(),
    created: range,
  }),
  "GET /v1/disputes/:id": z.strictObject({ expand }),
  "POST /v1/billing_portal/sessions": z.strictObject({
    customer: z.string(),
    return_url: z.string().optional(),
    expand,
  }),
  "POST /v1/checkout/sessions": z.strictObject({
    mode: z.literal("setup"),
    customer: z.string(),
    currency: z.string().regex(/^[a-z]{3}$/),
    success_url: z.string(),
    cancel_url: z.string().optional(),
    allowed_payment_method_types: z.array(z.string()).optional(),
    metadata,
    setup_intent_data: z.strictObject({ metadata }).optional(),
    expand,
  }),
  "POST /v1/payment_records/report_payment": z.strictObject({
    amount_requested: z.strictObject({
      currency: z.string().regex(/^[a-z]{3}$/),
      value: integer.pipe(z.number().min(1)),
    }),
    initiated_at: integer,
    outcome: z.enum(["guaranteed", "failed", "canceled"]).optional(),
    guaranteed: z.strictObject({ guaranteed_at: integer }).optional(),
    payment_method_details: z.strictObject({
      type: z.literal("custom"),
      custom: z.strictObject({ display_name: z.string() }),
    }),
    customer_details: z.strictObject({ customer: z.string() }).optional(),
    processor_details: z.strictObject({
      type: z.literal("custom"),
      custom: z.strictObject({ payment_reference: z.string() }),
    }).optional(),
    metadata,
    expand,
  }),
  "POST /v1/invoices/:id/attach_payment": z.strictObject({
    payment_record: z.string(),
    expand,
  }),
  "GET /v1/payouts": z.strictObject({ ...paging, created: range }),
  "GET /v1/balance_transactions": z.strictObject({
    ...paging,
    created: range,
    payout: z.string().optional(),
  }),
  "GET /v1/setup_intents/:id": z.strictObject({ expand }),
  "GET /v1/events": z.strictObject({
    ...paging,
    created: range,
    delivery_success: flag.optional(),
    type: z.string().optional(),
    types: z.array(z.string()).max(20).optional(),
  }),
  "GET /v1/subscriptions/:id": z.strictObject({ expand }),
  "GET /v1/subscriptions": z.strictObject({
    ...paging,
    status: z.string().optional(),
    customer: z.string().optional(),
    created: range,
  }),
  "POST /v1/billing/meter_events": z.strictObject({
    event_name: z.string().max(100),
    payload: z.record(z.string(), z.string()),
    identifier: text(100),
    timestamp: integer.optional(),
    expand,
  }),
} as const;

/** A route that is stood in for. */
export type Route = keyof typeof PARAMS;
/** What an endpoint is given once its parameters are checked. */
export type Params<R extends Route> = z.output<(typeof PARAMS)[R]>;
