import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { DeliveryOutcome } from "../../../supabase/functions/_shared/outbound/outcome.ts";
import { StripeFailure } from "./errors.ts";
import { type StripeStandIn } from "./server.ts";
import { deliver, ID, invoiceOf } from "./delivery-world.ts";

Deno.test("an invoice offers what was chosen; the way of a bank transfer goes with the mail", async () => {
  const card = { method: "card", bank_transfer_type: null, country: null };
  const transfer = {
    method: "customer_balance",
    bank_transfer_type: "us_bank_transfer",
    country: null,
  };
  await deliver(invoiceOf(10, 100, {}, [card, transfer]), (outcome, stripe) => {
    const [invoice] = stripe.state.invoices.values();
    deepStrictEqual(invoice?.payment_settings?.payment_method_types, ["card", "customer_balance"]);
    deepStrictEqual(
      invoice?.payment_settings?.payment_method_options?.customer_balance.bank_transfer,
      { type: "us_bank_transfer" },
    );
    deepStrictEqual(new Map(Object.entries(detailsOf(outcome))).get("bank_transfer"), [
      "Account holder: Stand-in",
      "Bank: Stand-in Bank",
      "Account number: 000123456789",
      "Routing number: 110000000",
      "Reference: INV-2026-000001",
    ]);
  });
  const german = { locale: "de-AT", language: "de" };
  await deliver(invoiceOf(10, 100, {}, [card, transfer], german), (outcome, stripe) => {
    deepStrictEqual(new Map(Object.entries(detailsOf(outcome))).get("bank_transfer"), [
      "Kontoinhaber: Stand-in",
      "Bank: Stand-in Bank",
      "Kontonummer: 000123456789",
      "Routing-Nummer: 110000000",
      "Referenz: INV-2026-000001",
    ]);
    const [invoice] = stripe.state.invoices.values();
    match(invoice?.description ?? "", /^Rechnung INV-2026-000001 für 01\.06\.2026/);
  });
  await deliver(invoiceOf(10, 100, {}, [card]), (outcome) => {
    strictEqual("bank_transfer" in detailsOf(outcome), false);
  });
});

Deno.test("a way to pay that Stripe does not offer in the currency is an error that says so", async () => {
  const sepa = { method: "sepa_debit", bank_transfer_type: null, country: null };
  await deliver(invoiceOf(10, 100, {}, [sepa]), (outcome) => {
    strictEqual(outcome.kind, "dead");
    match("error" in outcome ? outcome.error : "", /sepa_debit.*usd/);
  });
});

function detailsOf(outcome: DeliveryOutcome): object {
  return outcome.kind === "done" ? outcome.details ?? {} : {};
}

/** What the stand-in was asked of its invoices after they were finalized. */
function afterwards(stripe: StripeStandIn): string[] {
  return stripe.seen.map(({ request }) => request.replace(/in_\w+/, "in"))
    .filter((request) => /^POST .*\/in(\/send)?$/.test(request));
}

Deno.test("an invoice that we mail is finalized, and Stripe is never asked to mail it", async () => {
  await deliver(invoiceOf(10, 100), (outcome, stripe, told) => {
    strictEqual(outcome.kind, "done");
    const [invoice] = stripe.state.invoices.values();
    deepStrictEqual([invoice?.status, invoice?.auto_advance], ["open", false]);
    match(invoice?.hosted_invoice_url ?? "", /^https:/);
    deepStrictEqual(afterwards(stripe), []);
    deepStrictEqual(stripe.state.mails, []);
    strictEqual(told.includes(`mailed ${ID}`), false);
  });
});

Deno.test("an invoice that Stripe mails is sent by it once, and reminded of by it", async () => {
  await deliver(invoiceOf(10, 100, { mailed_by: "stripe" }), (outcome, stripe, told) => {
    strictEqual(outcome.kind, "done");
    const [invoice] = stripe.state.invoices.values();
    deepStrictEqual(afterwards(stripe), ["POST /v1/invoices/in/send", "POST /v1/invoices/in"]);
    deepStrictEqual(stripe.state.mails, [invoice?.id]);
    strictEqual(invoice?.auto_advance, true);
    strictEqual(told.includes(`mailed ${ID}`), true);
  });
});

Deno.test("a mail that Stripe refuses is left to us, and the invoice stays as it is", async () => {
  await deliver(invoiceOf(10, 100, { mailed_by: "stripe" }), (outcome, stripe, told) => {
    strictEqual(outcome.kind, "done");
    strictEqual([...stripe.state.invoices.values()][0]?.status, "open");
    deepStrictEqual(told.filter((one) => /^(mailed|released)/.test(one)), [`released ${ID}`]);
  }, (stripe) => {
    Object.assign(stripe.state.mails, {
      push: () => {
        throw new StripeFailure(400, "invalid_request_error", "No mail.");
      },
    });
  });
});

Deno.test("an invoice that we have mailed already is not mailed by Stripe, whatever is chosen since", async () => {
  await deliver(
    invoiceOf(10, 100, { mailed_by: "stripe" }),
    (outcome, stripe) => {
      strictEqual(outcome.kind, "done");
      deepStrictEqual(stripe.state.mails, []);
    },
    () => {},
    false,
  );
});
