import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import type { DeliveryOutcome } from "../../../supabase/functions/_shared/outbound/outcome.ts";
import { openStripe } from "../../../supabase/functions/_shared/stripe/client.ts";
import {
  ensureCustomer,
  syncCustomers,
} from "../../../supabase/functions/_shared/stripe/customers.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import type { StripeStore } from "../../../supabase/functions/_shared/stripe/store.ts";
import { sha256Of } from "../../../shared/sha256.ts";
import { customerDetails } from "../../../shared/stripe/customer.ts";
import { InvoiceFacts } from "../../../shared/stripe/facts.ts";
import { StripeFailure } from "./errors.ts";
import { startStripe, type StripeStandIn } from "./server.ts";

const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";
const KEY = "sk_test_delivery";

/** An invoice of so many lines of 0.10 USD; the header's amount may be said to differ. */
function invoiceOf(
  lines: number,
  due = lines * 10,
  client: object = {},
  payment_methods: object[] | null = null,
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
    },
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
async function deliver(
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
    const store: Pick<
      StripeStore,
      | "livemode"
      | "invoiceFacts"
      | "begin"
      | "saveCustomer"
      | "forgetCustomer"
      | "saveDraft"
      | "saveProblem"
      | "forgetDraft"
      | "saveCarried"
      | "countPayments"
      | "saveLeftOver"
      | "applyInvoice"
      | "applyBalance"
      | "unknownInvoices"
      | "claimMail"
      | "noteMailed"
      | "releaseMail"
    > = {
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

Deno.test("250 lines go as they are, more are summed by what they are of, and sum to the cent", async () => {
  const sent = async (lines: number) => {
    let amounts: number[] = [];
    await deliver(invoiceOf(lines), (outcome, stripe) => {
      strictEqual(outcome.kind, "done");
      const [invoice] = stripe.state.invoices.values();
      amounts = invoice?.lines.map(({ amount }) => amount) ?? [];
      if (lines <= 250) return;
      strictEqual(
        invoice?.lines[0]?.description,
        `Usage (${lines} lines: see the PDF of INV-2026-000001)`,
      );
    });
    return amounts;
  };
  deepStrictEqual(await sent(250), Array.from({ length: 250 }, () => 10));
  deepStrictEqual(await sent(251), [2510]);
});

Deno.test("a customer is found and made where customers cannot be searched", async () => {
  await deliver(invoiceOf(10, 100, { email: "ap@acme.test" }), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    strictEqual(stripe.state.customers.size, 1);
  }, (stripe) => {
    stripe.state.hasSearch = false;
  });
});

Deno.test("an e-mail address that is removed here is removed there", async () => {
  const client = {
    email: null,
    stripe_customer_id: "cus_known",
    sent_digest: "old",
    collection_method: "charge_automatically",
  };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    strictEqual(stripe.state.customers.get("cus_known")?.email, null);
  }, (stripe) => {
    stripe.state.customers.set("cus_known", {
      id: "cus_known",
      object: "customer",
      created: 1,
      livemode: false,
      balance: 0,
      name: "Acme",
      email: "old@acme.test",
      description: null,
      address: null,
      tax_exempt: "none",
      preferred_locales: [],
      metadata: { leveredge_client_id: ID },
    });
  });
});

Deno.test("several invoices of a client with a tax id at once send the tax id once", async () => {
  const client = { tax_id: "IE 6388047 V" };
  await deliver(invoiceOf(10, 100, client), async (_, stripe) => {
    const connection = openStripe({
      STRIPE_API_KEY: KEY,
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: undefined,
    });
    if (connection === undefined) throw new Error("Stripe is off");
    stripe.state.taxIds.clear();
    const [customer = ""] = stripe.state.customers.keys();
    const facts = InvoiceFacts.parse(
      invoiceOf(1, 100, { ...client, stripe_customer_id: customer, sent_digest: "old" }),
    );
    const nothing = () => Promise.resolve(undefined);
    const store = { saveCustomer: nothing, forgetCustomer: nothing };
    const ports = { stripe: connection.stripe, store, now: () => new Date() };
    const ids = await Promise.all([1, 2, 3, 4].map(() => ensureCustomer(facts.client, ports)));
    deepStrictEqual(new Set(ids), new Set([customer]));
    strictEqual(stripe.state.taxIds.size, 1);
  });
});

Deno.test("a customer has its address in parts, and what its tax is like", async () => {
  const postal_address = { line1: "1 Road", city: "Dublin", postal_code: "D02", country: "IE" };
  const client = { postal_address, tax_exempt: "reverse", address: ["a label"] };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    const [customer] = stripe.state.customers.values();
    deepStrictEqual(customer?.address, postal_address);
    strictEqual(customer?.tax_exempt, "reverse");
  });
});

Deno.test("a tax id that is there already is done, whatever Stripe calls that", async () => {
  const client = { tax_id: "IE 6388047 V" };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    strictEqual(stripe.state.taxIds.size, 1);
  }, (stripe) => {
    stripe.state.onTaxId = (taxId) => {
      // Another worker is faster, and Stripe says so without a code that we know.
      stripe.state.taxIds.set("txi_other", { ...taxId, id: "txi_other" });
      throw new StripeFailure(400, "invalid_request_error", "This tax ID exists.");
    };
  });
});

Deno.test("a tax id of a type that Stripe does not know is an error, not left out in silence", async () => {
  const client = { tax_id: "12", tax_id_type: "xx_vat" };
  await deliver(invoiceOf(10, 100, client), (outcome) => {
    strictEqual(outcome.kind, "dead");
  }, (stripe) => {
    stripe.state.onTaxId = () => {
      throw new StripeFailure(400, "invalid_request_error", "Invalid type: xx_vat");
    };
  });
});

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

Deno.test("a draft whose total is not ours is deleted, with both figures in the error", async () => {
  await deliver(invoiceOf(10, 101), (outcome, stripe, told) => {
    deepStrictEqual(outcome, {
      kind: "dead",
      error: "Stripe's total is 100 usd, ours is 101 usd",
    });
    strictEqual(stripe.state.invoices.size, 0);
    match(told.join("\n"), /problem .* refused Stripe's total is 100 usd, ours is 101 usd true/);
  });
});

Deno.test("what Stripe would mark as paid at once is held and never sent", async () => {
  await deliver(invoiceOf(4), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    match(JSON.stringify(outcome), /below Stripe's minimum of 50/);
    deepStrictEqual(stripe.seen, []);
  });
});

Deno.test("a customer deleted in Stripe is noticed and made anew", async () => {
  const client = { stripe_customer_id: "cus_gone", sent_digest: "old" };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe, told) => {
    strictEqual(outcome.kind, "done");
    strictEqual(stripe.state.customers.size, 1);
    match(told.join("\n"), /forget cus_gone/);
  });
});

Deno.test("a customer whose deletion was never told of is made anew when Stripe has it no more", async () => {
  const { client } = InvoiceFacts.parse(invoiceOf(10));
  const sent_digest = sha256Of(JSON.stringify({ details: customerDetails(client) }));
  const known = { stripe_customer_id: "cus_gone", sent_digest };
  await deliver(invoiceOf(10, 100, known), (outcome, stripe, told) => {
    strictEqual(outcome.kind, "done", JSON.stringify(outcome));
    strictEqual(stripe.state.customers.size, 1);
    deepStrictEqual(
      told.filter((one) => /^(customer|forget)/.test(one)).map((one) => one.slice(0, 15)),
      [
        "forget cus_gone",
        `customer ${ID.slice(0, 6)}`,
      ],
    );
  });
});

Deno.test("a customer that names the client is taken, not made twice", async () => {
  const prepare = (stripe: StripeStandIn) => {
    stripe.state.customers.set("cus_known", {
      id: "cus_known",
      object: "customer",
      created: 1,
      livemode: false,
      balance: 0,
      name: "Old name",
      email: null,
      description: null,
      address: null,
      tax_exempt: "none",
      preferred_locales: [],
      metadata: { leveredge_client_id: ID },
    });
  };
  await deliver(invoiceOf(10), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    deepStrictEqual([...stripe.state.customers.keys()], ["cus_known"]);
    strictEqual(stripe.state.customers.get("cus_known")?.name, "Acme");
  }, prepare);
});

Deno.test("a tax id that changed replaces the one that Stripe has, and is sent once", async () => {
  const client = {
    name: "New name",
    tax_id: "IE 6388047 V",
    locale: "ga-IE",
    address: ["1 Road", "Dublin"],
    stripe_customer_id: "cus_known",
    sent_digest: "old",
  };
  const prepare = (stripe: StripeStandIn) => {
    stripe.state.customers.set("cus_known", {
      id: "cus_known",
      object: "customer",
      created: 1,
      livemode: false,
      balance: 0,
      name: "Old name",
      email: "old@acme.test",
      description: null,
      address: null,
      tax_exempt: "none",
      preferred_locales: ["en-US"],
      metadata: { leveredge_client_id: ID },
    });
    const old = { id: "txi_old", customer: "cus_known", type: "eu_vat", value: "IE0000000A" };
    stripe.state.taxIds.set(old.id, old);
  };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    const customer = stripe.state.customers.get("cus_known");
    deepStrictEqual(
      [customer?.name, customer?.email, customer?.preferred_locales, customer?.address],
      ["New name", "a@acme.test", ["ga-IE"], { line1: "1 Road", line2: "Dublin" }],
    );
    deepStrictEqual([...stripe.state.taxIds.values()].map(({ type, value }) => [type, value]), [
      ["eu_vat", "IE6388047V"],
    ]);
  }, prepare);
});

Deno.test("customers are brought into step in bulk; one that fails stops nobody else", async () => {
  const stripe = startStripe({ secretKey: KEY });
  const connection = openStripe({
    STRIPE_API_KEY: KEY,
    STRIPE_API_BASE: stripe.url,
    STRIPE_WEBHOOK_SECRET: undefined,
  });
  try {
    if (connection === undefined) throw new Error("Stripe is off");
    const ids = ["1", "2", "3"].map((n) => `${ID.slice(0, -1)}${n}`);
    const saved = new Map<string, { customer: string; digest: string }>();
    const ports = {
      stripe: connection.stripe,
      now: () => new Date(),
      store: {
        clientIds: () => Promise.resolve(ids),
        clientFacts: (id: string) => {
          const { client } = InvoiceFacts.parse(
            invoiceOf(1, 10, {
              id,
              email: `${id}@acme.test`,
              stripe_customer_id: saved.get(id)?.customer ?? null,
              sent_digest: saved.get(id)?.digest ?? null,
            }),
          );
          return Promise.resolve(client);
        },
        saveCustomer: (id: string, customer: string, digest: string) => {
          saved.set(id, { customer, digest });
          return Promise.resolve(undefined);
        },
        forgetCustomer: () => Promise.resolve(undefined),
      },
    };
    stripe.faults.push({ request: "POST /v1/customers", kind: "500", times: 3 });
    const first = await syncCustomers(ports);
    deepStrictEqual([first.in_step, first.failed.map(({ client_id }) => client_id)], [2, [ids[0]]]);
    deepStrictEqual(await syncCustomers(ports), { in_step: 3, failed: [] });
    strictEqual(stripe.state.customers.size, 3);
    const asked = stripe.seen.length;
    deepStrictEqual(await syncCustomers(ports), { in_step: 3, failed: [] });
    strictEqual(stripe.seen.length, asked, "what is in step costs no request");
  } finally {
    await stripe.stop();
  }
});

Deno.test("a declined card is no failed delivery: the invoice stands open in Stripe", async () => {
  const client = { collection_method: "charge_automatically" };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    deepStrictEqual([...stripe.state.invoices.values()].map(({ status }) => status), ["open"]);
    strictEqual(
      stripe.state.events.filter(({ type }) => type === "invoice.payment_failed").length,
      1,
    );
  }, (stripe) => stripe.declineAll());
});

Deno.test("a card on file is charged at once", async () => {
  const client = { collection_method: "charge_automatically" };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    deepStrictEqual([...stripe.state.invoices.values()].map(({ status }) => status), ["paid"]);
  });
});

Deno.test("a client without e-mail is refused by Stripe, and the error says so", async () => {
  await deliver(invoiceOf(10, 100, { email: null }), (outcome) => {
    strictEqual(outcome.kind, "dead");
    match(JSON.stringify(outcome), /Missing email/);
  });
});

Deno.test("too many requests are waited for and do not fail the delivery", async () => {
  await deliver(invoiceOf(10), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    strictEqual(stripe.seen.filter(({ status }) => status === 429).length, 2);
  }, (stripe) => stripe.faults.push({ request: "POST /v1/invoices", kind: "429", times: 2 }));
});

Deno.test("the stand-in refuses what Stripe refuses: unknown parameters, reused keys", async () => {
  const stripe = startStripe({ secretKey: KEY });
  const post = async (body: string, key: string) => {
    const response = await fetch(`${stripe.url}/v1/customers`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${KEY}`,
        "content-type": "application/x-www-form-urlencoded",
        "idempotency-key": key,
      },
      body,
    });
    return { status: response.status, body: await response.json() };
  };
  try {
    const unknown = await post("name=Acme&nmae=Acme", "a");
    strictEqual(unknown.status, 400);
    strictEqual(unknown.body.error.code, "parameter_unknown");
    const first = await post("name=Acme", "b");
    deepStrictEqual(await post("name=Acme", "b"), first);
    const reused = await post("name=Other", "b");
    strictEqual(reused.body.error.type, "idempotency_error");
    strictEqual(stripe.state.customers.size, 1);
  } finally {
    await stripe.stop();
  }
});
