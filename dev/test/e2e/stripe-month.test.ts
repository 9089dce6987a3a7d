import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { z } from "zod";
import { june2026 } from "../support/june/june.ts";
import { copyLogs, loadClients } from "../support/june/load.ts";
import { agrees, bothSides, type Side } from "../../standins/stripe/both-sides.ts";
import type { Event } from "../../standins/stripe/objects.ts";
import { dieAt } from "../support/die-at.ts";
import { eventually } from "../support/eventually.ts";
import { type StripeWorkerWorld, withStripeWorker } from "../support/stripe-worker-world.ts";

const repaired = z.object({ missed_events: z.int(), left: z.array(z.unknown()) });
const NOTHING = { days: 2, missed_events: 0, found: [], left: [], told: 0 };
/** Clients that begin in July, so that customers too are made while everything goes wrong. */
const NEW_CLIENTS = ["Abacus Ltd", "Abalone Ltd", "Abbey Road Ltd"];
/** Nothing of these arrives, besides every fifth event; the second Stripe itself has forgotten. */
const LOST = ["invoice.voided", "credit_note.created"];

Deno.test("a month of 26 clients is paid through Stripe, the next one too when all goes wrong", () =>
  withStripeWorker(async (world) => {
    world.sendWebhooks();
    await loadJune(world);
    await world.sql`select billing.run_monthly('2026-07-01 09:00+00')`;
    await world.work();
    await juneIsPaid(world);
    await beginJuly(world);
    await world.sql`select billing.run_monthly('2026-08-01 09:00+00')`;
    await sendWithDeaths(world);
    await julyIsPaid(world);
    deepStrictEqual([...await world.sql`select * from billing.check_invariants()`], []);
  }));

/** Every invoice there with equal totals; one failed, one refunded, one voided, all others paid. */
async function juneIsPaid(world: StripeWorkerWorld): Promise<void> {
  const { stripe, sql, states, reconcile } = world;
  deepStrictEqual(await states("stripe"), { done: 26 });
  await stripe.webhooks.settled();
  const sent = await bothSides(world.sql, world.stripe.state);
  strictEqual(sent.length, 26);
  assertEqualTotals(sent);
  deepStrictEqual(new Set(sent.map(({ stripes }) => stripes.status)), new Set(["open"]));
  const [failed, refunded, voided, ...others] = sent;
  ok(failed && refunded && voided);

  stripe.webhooks.holding = true;
  for (const { stripes } of [refunded, ...others]) stripe.payInvoice(stripes.id);
  const told = stripe.webhooks.held.splice(0);
  const paid = told.filter(({ type }) => type === "invoice.paid");
  strictEqual(paid.length, 24);
  // One webhook per payment, and nothing else: that is enough.
  for (const event of paid) await stripe.webhooks.deliver(event);
  await eventually(async () => {
    const now = await bothSides(world.sql, world.stripe.state);
    strictEqual(now.filter(({ status, due }) => status === "paid" && due === 0).length, 24);
  });
  stripe.webhooks.holding = false;
  for (const event of told) if (!paid.includes(event)) await stripe.webhooks.deliver(event);

  stripe.failPayment(failed.stripes.id);
  stripe.dashboard.voidInvoice(voided.stripes.id);
  stripe.dashboard.refund(refunded.stripes.id, 1000);
  await stripe.webhooks.settled();
  deepStrictEqual(stripe.webhooks.answers.filter(({ status }) => status !== 200), []);
  await processEvents(world);
  deepStrictEqual((await bothSides(world.sql, world.stripe.state)).map(standing), [
    `open, due ${failed.total}, received 0`,
    `paid, due 0, received ${refunded.total - 1000}`,
    `void, due 0, received 0`,
    ...others.map(({ total }) => `paid, due 0, received ${total}`),
  ]);
  const [note] = await sql<{ message: string }[]>`
    select payload ->> 'message' as message from public.deliveries
    where kind = 'hermes' and payload ->> 'priority' = 'high'
      and dedupe_key like 'stripe:invoice.payment_failed%'`;
  match(note?.message ?? "", new RegExp(`Payment failed: ${failed.number} of `));
  deepStrictEqual(await reconcile(), NOTHING);
}

/** July: the same usage once more, and clients that are new. */
async function beginJuly({ sql }: StripeWorkerWorld): Promise<void> {
  await sql`
    insert into public.clients (name, external_id, email, started_on)
    select name, lower(split_part(name, ' ', 1)), 'ap@new.example', '2026-07-01'
    from unnest(${NEW_CLIENTS}::text[]) name`;
  await sql`
    insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
      web_searches, other_features, total_cost, metadata, "timestamp", client_id)
    select agent, endpoint, model, input_tokens, output_tokens, web_searches, other_features,
      total_cost, metadata, "timestamp" + interval '1 month', client_id
    from public.agent_usage_logs`;
}

/** Workers are killed where it hurts, and Stripe refuses, breaks down and loses its answers. */
async function sendWithDeaths(world: StripeWorkerWorld): Promise<void> {
  const { stripe, work, states, passTime, variables } = world;
  stripe.webhooks.holding = true;
  // Before the deaths: a worker may have made all customers when it dies.
  stripe.faults.push({ request: "POST /v1/customers", kind: "lost", times: 1 });
  for (const step of ["customer", "created", "created", "handled"]) {
    await dieAt(`stripe:${step}`, world, variables);
    await passTime();
  }
  stripe.faults.push(
    { request: "POST /v1/invoices", kind: "429", times: 2 },
    { request: "POST /v1/invoices/", kind: "lost", times: 3 },
    { request: "POST /v1/invoices/", kind: "500-after", times: 4 },
    { request: "POST /v1/invoices", kind: "500-after", times: 2 },
  );
  await eventually(async () => {
    await passTime();
    await work();
    const { done = 0, ...others } = await states("stripe");
    deepStrictEqual(others, {});
    ok(done > 26 + NEW_CLIENTS.length, `${done} are in Stripe`);
  }, 60_000);
  const unmet = stripe.faults.filter(({ times }) => times > 0);
  deepStrictEqual(unmet, [], "not all faults were met");
}

/** Webhooks lost, the others twice and shuffled: reconciliation makes both sides agree. */
async function julyIsPaid(world: StripeWorkerWorld): Promise<void> {
  const { stripe, reconcile } = world;
  const sent = (await bothSides(world.sql, world.stripe.state)).filter(({ period }) =>
    period === "2026-07-01"
  );
  assertEqualTotals(sent);
  const [failed, refunded, voided, credited, part, unheard, ...others] = sent;
  ok(failed && refunded && voided && credited && part && unheard);
  for (const { stripes } of [refunded, unheard, ...others]) stripe.payInvoice(stripes.id);
  stripe.failPayment(failed.stripes.id);
  stripe.dashboard.refund(refunded.stripes.id, 1000);
  stripe.dashboard.refund(refunded.stripes.id, 500);
  stripe.dashboard.voidInvoice(voided.stripes.id);
  stripe.dashboard.credit({ invoice: credited.stripes.id, amount: 700, memo: "Outage" });
  stripe.payInvoice(part.stripes.id, 1200);
  const { events } = stripe.state;
  events.splice(0, events.length, ...events.filter(({ type }) => type !== "credit_note.created"));
  const isLost = (event: Event) =>
    LOST.includes(event.type) || JSON.stringify(event).includes(unheard.stripes.id) ||
    Number(event.id.slice(-2)) % 5 === 0;
  const lost = stripe.webhooks.held.filter(isLost).length;
  ok(lost > 20 && stripe.webhooks.held.length > 120, `${lost} of ${stripe.webhooks.held.length}`);
  await stripe.webhooks.releaseBadly(isLost);
  deepStrictEqual(stripe.webhooks.answers.filter(({ status }) => status !== 200), []);

  const { missed_events, left } = repaired.parse(await reconcile());
  ok(missed_events > 20, `${missed_events} events fetched`);
  deepStrictEqual(left, []);
  await processEvents(world);
  deepStrictEqual(await reconcile(), NOTHING);
  const july = (await bothSides(world.sql, world.stripe.state)).filter(({ period }) =>
    period === "2026-07-01"
  );
  deepStrictEqual(july.map(standing), [
    `open, due ${failed.total}, received 0`,
    `paid, due 0, received ${refunded.total - 1500}`,
    "void, due 0, received 0",
    `open, due ${credited.total - 700}, received 0`,
    `open, due ${part.total - 1200}, received 1200`,
    ...[unheard, ...others].map(({ total }) => `paid, due 0, received ${total}`),
  ]);
  const clients = [...stripe.state.customers.values()].map(({ metadata }) =>
    metadata.leveredge_client_id
  );
  strictEqual(clients.length, 26 + NEW_CLIENTS.length);
  strictEqual(new Set(clients).size, clients.length);
  const invoices = [...stripe.state.invoices.values()].map(({ metadata }) =>
    metadata.leveredge_invoice_id
  );
  strictEqual(invoices.length, 26 + sent.length);
  strictEqual(new Set(invoices).size, invoices.length);
}

/** Lets every event be due, as after the pauses between its tries, until none is left. */
async function processEvents({ sql }: StripeWorkerWorld): Promise<void> {
  await eventually(async () => {
    await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
    await sql`select billing.process_stripe_events()`;
    const left = await sql`select type, note from billing.stripe_events where state = 'pending'`;
    deepStrictEqual([...left], []);
  }, 30_000);
}

function assertEqualTotals(sides: readonly Side[]): void {
  deepStrictEqual(
    sides.map(({ number, stripes }) => `${number} ${stripes.total}`),
    sides.map(({ number, total }) => `${number} ${total}`),
  );
  ok(sides.every(({ total }) => total > 0));
}

/** How an invoice stands, which must be said alike by both sides. */
function standing(side: Side): string {
  ok(agrees(side), JSON.stringify(side));
  return `${side.status}, due ${side.due}, received ${side.received}`;
}

async function loadJune({ sql }: StripeWorkerWorld): Promise<void> {
  const june = june2026();
  await loadClients(sql, june);
  await copyLogs(sql, [...june.bulk, ...june.posted, ...june.inserted], () => {});
}
