import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { startStripe } from "./server.ts";
import { deliver, invoiceOf, KEY } from "./delivery-world.ts";

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

Deno.test("an invoice that Stripe would mark as paid at once is held and never sent", async () => {
  await deliver(invoiceOf(4), (outcome, stripe) => {
    strictEqual(outcome.kind, "done");
    match(JSON.stringify(outcome), /below Stripe's minimum of 50/);
    deepStrictEqual(stripe.seen, []);
  });
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

Deno.test("a delivery that meets a rate limit for longer is tried again later", async () => {
  await deliver(invoiceOf(10), (outcome) => {
    ok(outcome.kind === "retry" && outcome.isRateLimited, JSON.stringify(outcome));
  }, (stripe) => stripe.faults.push({ request: "POST /v1/invoices", kind: "429", times: 3 }));
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
