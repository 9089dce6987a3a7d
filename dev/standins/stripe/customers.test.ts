import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { openStripe } from "../../../supabase/functions/_shared/stripe/client.ts";
import {
  ensureCustomer,
  syncCustomers,
} from "../../../supabase/functions/_shared/stripe/customers.ts";
import { sha256Of } from "../../../shared/sha256.ts";
import { customerDetails } from "../../../shared/stripe/customer.ts";
import { InvoiceFacts } from "../../../shared/stripe/facts.ts";
import { StripeFailure } from "./errors.ts";
import { startStripe, type StripeStandIn } from "./server.ts";
import { deliver, ID, invoiceOf, KEY } from "./delivery-world.ts";

Deno.test("a customer is found and made where customers cannot be searched", async () => {
  await deliver(invoiceOf(10, 100, { email: "ap@acme.test" }), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    strictEqual(stripe.state.customers.size, 1);
  }, (stripe) => {
    stripe.state.hasSearch = false;
  });
});

Deno.test("where customers cannot be searched, those from before the client are not listed", async () => {
  const made_at = Math.floor(Date.now() / 1000) - 3 * 86_400;
  const add = (stripe: StripeStandIn, id: string, created: number, metadata = {}) => {
    stripe.dashboard.addCustomer({ id, created, name: "Acme", metadata });
  };
  await deliver(invoiceOf(10, 100, { made_at }), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    // Made by a worker that was killed, and the client has another e-mail address since.
    deepStrictEqual([...stripe.state.invoices.values()].map(({ customer }) => customer), [
      "cus_ours",
    ]);
    const lists = stripe.seen.filter(({ request }) => request === "GET /v1/customers");
    strictEqual(lists.length, 3, "one by e-mail, two pages of those made since");
  }, (stripe) => {
    stripe.state.hasSearch = false;
    for (let n = 0; n < 1000; n++) add(stripe, `cus_old${n}`, made_at - 10 * 86_400);
    add(stripe, "cus_ours", made_at + 60, { leveredge_client_id: ID });
    for (let n = 0; n < 120; n++) add(stripe, `cus_new${n}`, made_at + 120);
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

Deno.test("a customer deleted in Stripe is noticed and made anew", async () => {
  const client = { stripe_customer_id: "cus_gone", sent_digest: "old" };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe, told) => {
    strictEqual(outcome.kind, "done");
    strictEqual(stripe.state.customers.size, 1);
    match(told.join("\n"), /forget cus_gone/);
  });
});

Deno.test("a customer whose deletion was never told of is made anew when Stripe no longer has it", async () => {
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

Deno.test("a tax id that changed replaces ours, is sent once, and leaves the client's own", async () => {
  const client = {
    name: "New name",
    tax_id: "IE 6388047 V",
    locale: "ga-IE",
    address: ["1 Road", "Dublin"],
    stripe_customer_id: "cus_known",
    sent_digest: "old",
    stripe_tax_id: "txi_old",
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
    // The client has added this one in the portal.
    const other = { id: "txi_other", customer: "cus_known", type: "us_ein", value: "12-3456789" };
    stripe.state.taxIds.set(other.id, other);
  };
  await deliver(invoiceOf(10, 100, client), (outcome, stripe, told) => {
    strictEqual(outcome.kind, "done");
    const customer = stripe.state.customers.get("cus_known");
    deepStrictEqual(
      [customer?.name, customer?.email, customer?.preferred_locales, customer?.address],
      ["New name", "a@acme.test", ["ga-IE"], { line1: "1 Road", line2: "Dublin" }],
    );
    deepStrictEqual([...stripe.state.taxIds.values()].map(({ type, value }) => [type, value]), [
      ["us_ein", "12-3456789"],
      ["eu_vat", "IE6388047V"],
    ]);
    match(told.join("\n"), /^customer \S+ cus_known \S+ txi_standin/m);
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
