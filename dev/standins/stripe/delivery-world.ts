import type { DeliveryOutcome } from "../../../supabase/functions/_shared/outbound/outcome.ts";
import { openStripe } from "../../../supabase/functions/_shared/stripe/client.ts";
import {
  deliverInvoice,
  type InvoicePorts,
} from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { InvoiceFacts } from "../../../shared/stripe/facts.ts";
import { startStripe, type StripeStandIn } from "./server.ts";

export const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";
export const KEY = "sk_test_delivery";

/** An invoice of so many lines of 0.10 USD; the header's amount may be said to differ. */
export function invoiceOf(
  lines: number,
  due = lines * 10,
  client: object = {},
  payment_methods: object[] | null = null,
  document: object = {},
): unknown {
  return {
    invoice: {
      id: ID,
      number: "INV-2026-000001",
      status: "open",
      currency: "USD",
      total_minor: due,
      balance_applied_minor: 0,
      credited_minor: 0,
      paid_minor: 0,
      amount_due_minor: due,
      period_start: "2026-06-01",
      period_end: "2026-07-01",
      due_on: "2026-07-31",
      locale: "en-US",
      ...document,
    },
    exponent: 2,
    client: {
      id: ID,
      name: "Acme",
      email: "a@acme.test",
      address: [],
      postal_address: null,
      tax_exempt: "none",
      tax_id: null,
      tax_id_type: null,
      locale: "en-US",
      external_id: null,
      collection_method: "send_invoice",
      mailed_by: "us",
      stripe_customer_id: null,
      sent_digest: null,
      stripe_tax_id: null,
      made_at: 1_782_864_000,
      deleted: false,
      ...client,
    },
    payment_methods,
    mirror: null,
    held: [],
    credit_notes: [],
    lines: Array.from({ length: lines }, (_, index) => ({
      position: index + 1,
      kind: "usage",
      description: `Line ${index + 1}`,
      detail: null,
      service_start: null,
      service_end: null,
      amount_minor: 10,
    })),
  };
}

/** Delivers against a Stripe of its own, with a store that only remembers what it was told. */
export async function deliver(
  facts: unknown,
  check: (outcome: DeliveryOutcome, stripe: StripeStandIn, told: string[]) => void | Promise<void>,
  prepare: (stripe: StripeStandIn) => void = () => {},
  mayMail = true,
): Promise<void> {
  const stripe = startStripe({ secretKey: KEY });
  const connection = openStripe({
    STRIPE_API_KEY: KEY,
    STRIPE_API_BASE: stripe.url,
    STRIPE_WEBHOOK_SECRET: undefined,
  });
  try {
    if (connection === undefined) throw new Error("Stripe is off");
    prepare(stripe);
    const told: string[] = [];
    const note = (what: string) => (...facts: unknown[]) => {
      told.push([what, ...facts.map(String)].join(" "));
      return Promise.resolve(undefined);
    };
    const store: InvoicePorts["store"] = {
      livemode: false,
      invoiceFacts: () => Promise.resolve(InvoiceFacts.parse(facts)),
      begin: note("begin"),
      saveCustomer: note("customer"),
      forgetCustomer: note("forget"),
      saveDraft: note("draft"),
      saveProblem: note("problem"),
      forgetDraft: note("gone"),
      saveCarried: note("carried"),
      countPayments: () => Promise.resolve(undefined),
      saveLeftOver: note("left over"),
      applyInvoice: () => Promise.resolve(null),
      applyBalance: note("balance"),
      unknownInvoices: () => Promise.resolve([]),
      claimMail: () => Promise.resolve(mayMail),
      noteMailed: note("mailed"),
      releaseMail: note("released"),
    };
    const ports = { stripe: connection.stripe, store, now: () => new Date() };
    await check(await deliverInvoice(ID, ports), stripe, told);
  } finally {
    await stripe.stop();
  }
}
