/**
 * A year of subscriptions, with a Stripe beside it. Each client searches ten times a day, which is
 * ten cents a day by the default list; all amounts are derived by hand from days of service.
 */
import assert from "node:assert/strict";
import type { Sql } from "postgres";
import { type Meter, rateMonth } from "../../../shared/rater/rate-month.ts";
import { readWorld } from "../../rater/read-world.ts";
import { ensureCustomer } from "../../../supabase/functions/_shared/stripe/customers.ts";
import { actOnEvents } from "../../../supabase/functions/_shared/stripe/events.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { stripePorts } from "../../../supabase/functions/_shared/stripe/open.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { sendMeterEvents } from "../../../supabase/functions/reconcile-stripe/meters.ts";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import type { Price } from "../../standins/stripe/miscellaneous.ts";
import { startStripe, type StripeStandIn } from "../../standins/stripe/server.ts";
import { type Clients, openBooks, playStep } from "../cases/play.ts";
import { transactions } from "../cases/rolled-back.ts";
import { client, price } from "../cases/world.ts";
import { type Charges, netCharges, ratedCharges } from "../properties/facts.ts";

const KEY = "sk_test_year";

interface Year {
  readonly sql: Sql;
  readonly stripe: StripeStandIn;
  readonly ports: StripePorts;
  readonly clients: Clients;
  readonly customers: Map<string, string>;
  readonly subscriptions: Map<string, string>;
  /** Both clocks show this instant from now on. */
  readonly at: (instant: string) => Promise<void>;
}

/** What happens in a month, in order, by the day and hour of UTC. */
type Happening = readonly [at: string, what: (year: Year) => Promise<void>];

/** A subscription that begins: `plan` is the number of cents a month, or its prices. */
const subscribe = (key: string, plan: number | readonly Price[]) => (year: Year) => {
  const customer = year.customers.get(key) ?? "";
  year.subscriptions.set(key, year.stripe.dashboard.subscribe(customer, "usd", plan));
  return Promise.resolve();
};
const become = (key: string, status: string) => (year: Year) => {
  year.stripe.dashboard.changeSubscription(year.subscriptions.get(key) ?? "", status);
  return Promise.resolve();
};
const cost = (key: string, plan: readonly Price[]) => (year: Year) => {
  year.stripe.dashboard.changePrices(year.subscriptions.get(key) ?? "", plan);
  return Promise.resolve();
};
/** A fee of 29.90 that we bill. */
const baseFee = (key: string, day: string) => async ({ sql, clients }: Year) =>
  void await sql`
    select billing.charge_base_fee(${clients.get(key) ?? null}, 29.90, 'Platform fee', ${day})`;
const refusedFee = (key: string, day: string) => async (year: Year) => {
  await year.sql`savepoint fee`;
  await assert.rejects(baseFee(key, day)(year), /Stripe bills this client's base fee/);
  await year.sql`rollback to savepoint fee`;
};
const restart = (key: string, day: string) => async ({ sql, clients }: Year) =>
  void await sql`select billing.start_service(${clients.get(key) ?? null}, ${day})`;
const search = (key: string, at: string, count: number) => ({ sql, clients }: Year) =>
  log(sql, clients.get(key) ?? "", at, at, count);

/** So many cents a month, three times. */
const three = (unit_amount_decimal: string): Price[] => [{ unit_amount_decimal, quantity: 3 }];
const metered: Price[] = [
  { unit_amount_decimal: "1000" },
  { unit_amount_decimal: "0.75", metered: true },
];

/**
 * A is paused and comes back, is cancelled, and subscribes again; its searches cost twice as much
 * from July on. B pays its base fee to us until July, then by a subscription whose price has parts
 * of a cent, until that ends. C's searches are rated by Stripe from March on, its tokens by us.
 */
const HAPPENS: Readonly<Record<number, readonly Happening[]>> = {
  1: [["01T00:00", subscribe("A", 4900)], ["01T08:00", baseFee("B", "2026-01-01")]],
  2: [["01T08:00", baseFee("B", "2026-02-01")]],
  3: [["01T08:00", baseFee("B", "2026-03-01")], ["01T00:30", subscribe("C", metered)]],
  4: [["01T08:00", baseFee("B", "2026-04-01")], ["10T12:00", become("A", "paused")]],
  5: [["01T08:00", baseFee("B", "2026-05-01")], ["05T08:00", become("A", "active")]],
  6: [["01T08:00", baseFee("B", "2026-06-01")]],
  7: [
    ["01T07:00", subscribe("B", three("1234.5"))],
    ["01T09:00", refusedFee("B", "2026-07-01")],
    ["10T10:00", search("C", "2026-06-12T12:00:00Z", 7)],
  ],
  8: [["15T18:00", become("C", "canceled")]],
  9: [["01T12:00", cost("B", three("1500.25"))], ["20T18:00", become("A", "canceled")]],
  10: [["31T18:00", become("B", "canceled")]],
  11: [
    ["01T07:00", restart("B", "2026-11-01")],
    ["01T08:00", baseFee("B", "2026-11-01")],
    ["03T09:00", subscribe("A", 5900)],
  ],
  12: [["01T07:00", subscribe("C", metered)], ["01T08:00", baseFee("B", "2026-12-01")]],
};

/** What each client is billed by us for a month, in cents; `-`: there is no invoice. */
const BILLED: Readonly<Record<string, readonly (number | "-")[]>> = {
  // 10 × days served, from July on 20: 10 days in April, 27 in May, 20 in September, 28 in November.
  A: [310, 280, 310, 100, 270, 300, 620, 620, 400, "-", 560, 620],
  // 29.90, and a search costs 0.0013: 40.3, 36.4 or 39.0 cents.
  B: [3030, 3026, 3030, 3029, 3030, 3029, 40, 40, 39, 40, 3029, 3030],
  // 100 × days of tokens, and searches until March; 15 days in August.
  C: [3410, 3080, 3100, 3000, 3100, 3000, 3100, 1500, "-", "-", "-", 3100],
};

/** The fee by Stripe at the end of a month, in cents; 37.035 and 45.0075 to the cent; 0: none. */
const FEES: Readonly<Record<string, readonly number[]>> = {
  A: [4900, 4900, 4900, 0, 4900, 4900, 4900, 4900, 0, 0, 5900, 5900],
  B: [0, 0, 0, 0, 0, 0, 3704, 3704, 4501, 0, 0, 0],
  C: [0, 0, 1000, 1000, 1000, 1000, 1000, 0, 0, 0, 0, 1000],
};

/** Searches that Stripe's meter counted of a month, the seven of June that came in July with June. */
const METERED = [0, 0, 310, 300, 310, 307, 310, 150, 0, 0, 0, 310];

Deno.test("a year of subscriptions, meters and base fees, to the cent", async () => {
  await using database = transactions();
  await database.rolledBack((sql) =>
    inYear(sql, async (year) => {
      for (let month = 1; month <= 12; month++) await liveMonth(year, month);
      assert.deepEqual(meteredByMonth(year), METERED);
      assert.deepEqual([...await sql`select * from billing.check_invariants('2027-01-02')`], []);
      assert.deepEqual(await unpaid(sql), []);
      const ids = [...year.clients.values()];
      const recorded = { meters: await metersOf(sql) };
      const rating = rateMonth(await readWorld(sql), { asOf: "2027-01-02 00:00:00+00" }, recorded);
      assert.deepEqual(
        ofUsage(await netCharges(sql, ids, "2027-01-01")),
        ofUsage(ratedCharges(rating, "2027-01-01")),
        "the independent rater finds the same usage",
      );
    })
  );
});

async function inYear(sql: Sql, work: (year: Year) => Promise<void>): Promise<void> {
  let seconds = Date.parse("2026-01-01T00:00:00Z") / 1000;
  const stripe = startStripe({ secretKey: KEY, now: () => seconds });
  try {
    stripe.webhooks.holding = true;
    stripe.dashboard.addMeter("searches");
    const ports = stripePorts({
      STRIPE_API_KEY: KEY,
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: "whsec_year",
    }, sql);
    if (ports === undefined) throw new Error("Stripe is off");
    const year: Year = {
      sql,
      stripe,
      ports: {
        ...ports,
        // The year is one transaction, in which no event can be committed by itself.
        store: {
          ...ports.store,
          processEvents: async () => {
            await sql`select billing.process_stripe_events(1000000)`;
            return false;
          },
        },
        now: () => new Date(seconds * 1000),
      },
      clients: new Map(),
      customers: new Map(),
      subscriptions: new Map(),
      at: async (instant) => {
        seconds = Date.parse(instant) / 1000;
        await sql`select set_config('billing.as_of', ${instant}, true)`;
      },
    };
    await openBooks(sql);
    for (const key of ["A", "B", "C"]) {
      await playStep(
        sql,
        year.clients,
        client(key, {}, {
          email: `${key.toLowerCase()}@example.com`,
          started_on: "2026-01-01",
        }),
      );
      const facts = await year.ports.store.clientFacts(year.clients.get(key) ?? "");
      if (facts !== null) year.customers.set(key, await ensureCustomer(facts, year.ports));
    }
    const own = [
      price("A", { metric: "web_searches", unit_amount: "0.02", effective_from: "2026-07-01" }),
      price("B", { metric: "web_searches", unit_amount: "0.0013" }),
      price("C", { metric: "input_tokens", unit_amount: "10", per_units: "1000000" }),
    ];
    for (const step of own) await playStep(sql, year.clients, step);
    await sql`
      insert into public.stripe_meters (client_id, metric, event_name, effective_from)
      values (${year.clients.get("C") ?? null}, 'web_searches', 'searches', '2026-03-01')`;
    await work(year);
  } finally {
    await stripe.stop();
  }
}

/** Usage, what happens, the run of the first of the next month, money, and a reconciliation. */
async function liveMonth(year: Year, month: number): Promise<void> {
  const { sql, stripe, ports, clients } = year;
  const first = `2026-${String(month).padStart(2, "0")}-01`;
  const next = month < 12 ? `2026-${String(month + 1).padStart(2, "0")}-01` : "2027-01-01";
  for (const [key, id] of clients) await logMonth(sql, id, first, next, key === "C" ? 100_000 : 0);
  for (const [at, what] of HAPPENS[month] ?? []) {
    await year.at(`${first.slice(0, 8)}${at}:00Z`);
    await what(year);
    await hear(year);
    await sql`select _billing.rollup()`;
    await sendMeterEvents(ports);
  }
  await year.at(`${next}T09:00:00Z`);
  await sql`select billing.run_monthly(${`${next}T09:00:00Z`})`;
  assert.deepEqual(
    await billedFor(sql, next),
    Object.fromEntries(
      Object.entries(BILLED).flatMap(([key, months]) => {
        const amount = months[month - 1];
        return amount === "-" || amount === undefined ? [] : [[key, amount]];
      }),
    ),
    `billed for ${first}`,
  );
  for (const id of await issuedOn(sql, next)) await deliverInvoice(id, ports);
  for (const { id, status } of stripe.state.invoices.values()) {
    if (status === "open") stripe.payInvoice(id);
  }
  await hear(year);
  for (let sent = 1; sent > 0;) ({ sent } = await sendMeterEvents(ports));
  const { left } = await reconcile(3, ports);
  assert.deepEqual(left, [], `reconciled on ${next}`);
  assert.deepEqual(
    await feesOf(sql),
    Object.fromEntries(Object.entries(FEES).map(([key, months]) => [key, months[month - 1]])),
    `fees at the end of ${first}`,
  );
}

/** Ten searches at noon of each day, and so many tokens. */
async function logMonth(sql: Sql, id: string, first: string, next: string, tokens: number) {
  await sql`
    insert into public.agent_usage_logs (agent, model, client_id, web_searches, input_tokens,
      "timestamp", created_at)
    select 'AGENT', 'claude-sonnet-4-20250514', ${id}, 10, ${tokens}, t, t
    from generate_series(${first}::timestamptz + interval '12 hours',
      ${next}::timestamptz - interval '1 hour', interval '1 day') t`;
}

async function log(sql: Sql, id: string, at: string, arrived: string, count: number) {
  await sql`
    insert into public.agent_usage_logs (agent, model, client_id, web_searches, "timestamp",
      created_at)
    values ('AGENT', 'claude-sonnet-4-20250514', ${id}, ${count}, ${at}, ${arrived})`;
}

/** Acts on all that Stripe has sent. */
async function hear({ sql, stripe, ports }: Year): Promise<void> {
  for (const event of stripe.webhooks.held.splice(0)) {
    await ports.store.receiveEvent(JSON.stringify(event));
  }
  await actOnEvents(ports);
  const rows = await sql`
    select type, note from billing.stripe_events where state in ('pending', 'failed')`;
  assert.deepEqual([...rows], []);
}

async function issuedOn(sql: Sql, day: string): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from public.invoices where issued_on = ${day} and status = 'open' order by number`;
  return rows.map(({ id }) => id);
}

/** Totals of the invoices of a day, by client. */
async function billedFor(sql: Sql, day: string): Promise<Record<string, number>> {
  const rows = await sql<{ name: string; total: number }[]>`
    select c.name, sum(i.total_minor)::int as total
    from public.invoices i join public.clients c on c.id = i.client_id
    where i.issued_on = ${day} group by c.name order by c.name`;
  return Object.fromEntries(rows.map(({ name, total }) => [name, total]));
}

async function feesOf(sql: Sql): Promise<Record<string, number>> {
  const rows = await sql<{ name: string; fee: number }[]>`
    select c.name, coalesce(sum(s.base_fee_minor), 0)::int as fee
    from public.clients c left join public.stripe_subscriptions s
      on s.client_id = c.id and s.status in ('active', 'trialing', 'past_due')
    group by c.name order by c.name`;
  return Object.fromEntries(rows.map(({ name, fee }) => [name, fee]));
}

/** What the stand-in's meter has counted, by the month of its time. */
function meteredByMonth({ stripe }: Year): number[] {
  const months = Array.from({ length: 12 }, () => 0);
  for (const { timestamp, payload } of stripe.state.meterEvents.values()) {
    const month = new Date((timestamp ?? 0) * 1000).getUTCMonth();
    months[month] = (months[month] ?? 0) + Number(payload.value);
  }
  return months;
}

/** All is paid but what waits for the next invoice, being too small. */
async function unpaid(sql: Sql): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    select concat_ws(' ', i.number, i.status, i.amount_due_minor) as line
    from public.invoices i where i.status <> 'paid' order by i.number`;
  return rows.map(({ line }) => line);
}

/** Fees are ours to say, not the rater's. */
function ofUsage(charges: Charges): Charges {
  return new Map([...charges].filter(([fact]) => fact.includes(" usage ")));
}

async function metersOf(sql: Sql): Promise<Meter[]> {
  return [
    ...await sql<Meter[]>`
      select client_id, metric, rate_class, model, effective_from::text, effective_until::text
      from public.stripe_meters`,
  ];
}
