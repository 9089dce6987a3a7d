import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { z } from "zod";
import { sendMeterEvents } from "../../../supabase/functions/reconcile-stripe/meters.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { type StripeWorld, withStripe } from "../support/stripe-world.ts";

const METERED = "6b0c2a52-7a0c-4c55-9d4e-0f2a6f1d9c01";
const meterReport = z.object({
  sent: z.int(),
  problems: z.array(z.object({ problem: z.string() })),
});
const left = z.object({ left: z.array(z.record(z.string(), z.string().nullable())) });

Deno.test("usage that Stripe rates reaches its meter once, whatever breaks; none is on our invoice", () =>
  withStripe(["Ada"], async (world) => {
    const { stripe, sql, ports } = world;
    await meter(world);
    await use(world, 3, 1200);
    await use(world, 2, 800);
    // The meter is not there yet: Stripe refuses, nothing is lost, and it is said.
    const refused = await send(world);
    strictEqual(refused.sent, 0);
    match(refused.problems[0]?.problem ?? "", /No active meter found for event name 'tokens'/);
    match(String((await differences(world))[0]?.stripes), /^0: .*No active meter found/);
    stripe.dashboard.addMeter("tokens");
    // Killed between Stripe's yes and the note of it.
    await rejects(sendMeterEvents(dyingBeforeNote(ports)), /killed/);
    deepStrictEqual(told(world), ["1200"]);
    // Stripe breaks after the work, and loses answers.
    stripe.faults.push(
      { request: "POST /v1/billing/meter_events", kind: "500-after", times: 1 },
      { request: "POST /v1/billing/meter_events", kind: "lost", times: 1 },
      { request: "POST /v1/billing/meter_events", kind: "429", times: 1 },
    );
    for (let round = 0; round < 3; round++) await send(world);
    deepStrictEqual(told(world), ["1200", "800"]);
    deepStrictEqual(await differences(world), []);
    // What comes late is told alone, by however many workers at once.
    await use(world, 2, 50);
    await Promise.all([1, 2, 3].map(() => sendMeterEvents(ports)));
    await send(world);
    deepStrictEqual(told(world), ["1200", "800", "50"]);
    deepStrictEqual(await differences(world), []);
    const [{ customers }] = await sql<[{ customers: number }]>`
      select count(*)::int as customers from public.stripe_customers
      where client_id = ${METERED}`;
    strictEqual(customers, 1);
    deepStrictEqual(await billedHere(world), ["web_searches"]);
    await takenBack(world);
  }));

/** What was told and then taken back is a difference; of today nothing is told yet. */
async function takenBack(world: StripeWorld): Promise<void> {
  await use(world, 0, 9);
  await world.sql`select billing.retract_log(id, 'counted twice') from public.agent_usage_logs
    where client_id = ${METERED} and input_tokens = 1200`;
  await world.sql`select _billing.rollup()`;
  strictEqual((await send(world)).sent, 0);
  deepStrictEqual(told(world), ["1200", "800", "50"]);
  const [difference] = await differences(world);
  match(difference?.ours ?? "", /^Metered, tokens on \d{4}-\d\d-\d\d: 0$/);
  match(difference?.stripes ?? "", /^1200: more was told than was used/);
}

/** A client whose input tokens Stripe rates, and whose searches we do. */
async function meter({ sql }: StripeWorld): Promise<void> {
  await sql`
    insert into public.clients (id, name, email, started_on)
    values (${METERED}, 'Metered', 'm@metered.test', (now() at time zone 'UTC')::date - 5)`;
  await sql`
    insert into public.billing_config (client_id, effective_from, minimum_minor)
    select id, started_on, 0 from public.clients where id = ${METERED}`;
  await sql`
    insert into public.stripe_meters (client_id, metric, event_name, effective_from)
    select id, 'input_tokens', 'tokens', started_on from public.clients where id = ${METERED}`;
}

async function use({ sql }: StripeWorld, daysAgo: number, tokens: number): Promise<void> {
  await sql`
    insert into public.agent_usage_logs (agent, endpoint, model, client_id, input_tokens,
      web_searches, "timestamp")
    values ('SCHOLAR', 'ask', 'claude-sonnet', ${METERED}, ${tokens}, 100,
      date_trunc('day', now(), 'UTC') - make_interval(days => ${daysAgo}))`;
  await sql`select _billing.rollup()`;
}

async function send({ call }: StripeWorld) {
  const { status, body } = await call("reconcile-stripe", { only: "meters" });
  strictEqual(status, 200);
  return meterReport.parse(body);
}

/** What a reconciliation leaves to a person. */
async function differences({ call }: StripeWorld) {
  const { body } = await call("reconcile-stripe", { days: 10 });
  return left.parse(body).left.filter(({ kind }) => kind === "meter");
}

/** The values that Stripe has counted, in its order. */
function told({ stripe }: StripeWorld): string[] {
  return [...stripe.state.meterEvents.values()].map(({ payload }) => payload.value ?? "");
}

/** The metrics of the usage lines that our invoices of these days would have. */
async function billedHere({ sql }: StripeWorld): Promise<string[]> {
  const rows = await sql<{ metric: string }[]>`
    select distinct l.metric from public.clients c
    cross join lateral _billing.rate_usage(array[
      (c.id, c.started_on, c.started_on + 30)::billing.rating_target]) l
    where c.id = ${METERED} order by 1`;
  return rows.map(({ metric }) => metric);
}

/** Ports whose store dies when it is told that an event was sent, as a killed worker would. */
function dyingBeforeNote(ports: StripePorts): StripePorts {
  return {
    ...ports,
    store: { ...ports.store, saveMeterEvent: () => Promise.reject(new Error("killed")) },
  };
}
