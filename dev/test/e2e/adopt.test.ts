import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import type { Sql } from "postgres";
import { picture, withServer } from "../support/adoption.ts";
import { ACME, BIRCH, COBALT, isCompared, october, octoberIn } from "../support/earlier-october.ts";
import { buildEarlierSystem, startAgent } from "../support/earlier-system.ts";

const LOGS = 200_000;
const delay = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/**
 * What a VACUUM of the earlier log holds, from now until something has waited for it for a second;
 * `waitedFor` are the locks that were asked for meanwhile.
 */
async function startVacuum(session: Sql, watcher: Sql) {
  const modes = new Set<string>();
  const held = Promise.withResolvers<void>();
  const over = session.begin(async (tx) => {
    await tx`lock table public.agent_usage_logs in share update exclusive mode`;
    held.resolve();
    for (let seen = 0; seen < 20; await delay(50)) {
      const waiting = await watcher`select mode from pg_locks
        where relation = 'public.agent_usage_logs'::regclass and not granted
          and mode <> 'RowExclusiveLock'`;
      for (const { mode } of waiting) modes.add(String(mode));
      if (modes.size > 0) seen++;
    }
  });
  await held.promise;
  return { waitedFor: () => over.then(() => [...modes]) };
}

/** Each call that was accepted is in one of both logs, and shown once. */
async function isNothingLost(sql: Sql, accepted: readonly string[]): Promise<void> {
  const [lost] = await sql`select count(*)::integer as logs
    from unnest(${accepted}::uuid[]) id
    where not exists (select from public.agent_usage_logs l where l.id = id.id)`;
  strictEqual(lost?.logs, 0);
  const [shown] = await sql`select sum(request_count) as calls from public.agent_cost_summary`;
  strictEqual(Number(shown?.calls), LOGS + 1 + accepted.length);
}

/** The first month agrees with one that is computed apart, from the rows of both logs. */
async function isFirstMonthRight(sql: Sql, databaseUrl: string): Promise<void> {
  const sums = await octoberIn(sql, "billing_before.all_usage_logs");
  await sql`select _billing.rollup()`;
  await isCompared(databaseUrl, sums);
  await sql`select billing.run_monthly('2026-11-01T09:00:00Z')`;
  const invoices = await sql`select client_id, number, period_start::text, total_minor
    from public.invoices order by number`;
  deepStrictEqual(
    invoices.map((i) => [i.client_id, i.period_start, BigInt(i.total_minor)]).sort(),
    [ACME, BIRCH, COBALT].map((id) => [id, "2026-10-01", october(sums, id)]),
  );
  deepStrictEqual(invoices.map(({ number }) => number), [
    "INV-2026-000046",
    "INV-2026-000047",
    "INV-2026-000048",
  ]);
  deepStrictEqual(
    [
      ...await sql`select number, client_id, amount::text, is_open
      from billing_before.invoice_history where client_id = ${ACME} order by number`,
    ],
    [
      { number: "INV-2026-0041", client_id: ACME, amount: "812.40", is_open: false },
      { number: "INV-2026-0042", client_id: ACME, amount: "790.15", is_open: true },
    ],
  );
}

/** An earlier invoice that was open is paid in Stripe: the history says so, the books stay. */
async function isPaidInHistory(sql: Sql): Promise<void> {
  await sql`select billing.receive_stripe_event(${
    sql.json({
      id: "evt_old1",
      type: "invoice.paid",
      livemode: true,
      created: 1793700000,
      data: {
        object: {
          object: "invoice",
          id: "in_old1",
          livemode: true,
          status: "paid",
          currency: "usd",
          total: 79015,
          amount_due: 79015,
          amount_paid: 79015,
          metadata: {},
        },
      },
    })
  })`;
  const [booked] = await sql`select billing.process_stripe_event('evt_old1') as outcome`;
  strictEqual(booked?.outcome, "earlier invoice paid, noted 79015");
  deepStrictEqual(
    [
      ...await sql`select status, is_open, trim_scale(paid)::text as paid
      from billing_before.invoice_history where number = 'INV-2026-0042'`,
    ],
    [{ status: "paid", is_open: false, paid: "790.15" }],
  );
  strictEqual((await sql`select from public.payments`).length, 0);
}

Deno.test("a database in use is adopted: nothing is lost, no insert waits a second, the first month is right", () =>
  withServer(async ({ sql, connect, adopt, databaseUrl }) => {
    await buildEarlierSystem(sql, LOGS);
    const before = await picture(sql);
    const summary = await sql`select sum(request_count) as calls from public.agent_cost_summary`;
    const agent = await startAgent(connect(), ACME);
    const dry = await adopt("dry");
    match(dry, /take 4 of 5 clients[^]*Acme Robotics +2026-10-01 +cus_acme/);
    match(dry, /it has no name/);
    match(dry, /go on with INV-2026 after 45/);
    match(dry, /copy logs from 2026-10-01 on/);
    strictEqual(await picture(sql), before, "a dry run changes nothing");
    const vacuum = await startVacuum(connect(), connect());
    const said = await adopt("apply");
    deepStrictEqual(await vacuum.waitedFor(), ["ShareUpdateExclusiveLock"]);
    await delay(200);
    await agent.stop();
    deepStrictEqual(agent.failures, []);
    ok(agent.slowest < 1000, `an insert took ${agent.slowest} ms`);
    ok(agent.accepted.length > 50, `${agent.accepted.length} inserts`);

    await isNothingLost(sql, agent.accepted);
    strictEqual(Number(summary[0]?.calls) <= LOGS + 1 + agent.accepted.length, true);

    for (
      const told of [
        /billing_clients +c0000000-0000-4000-8000-000000000002 +its e-mail address "not an address" is none/,
        /000000000003 +its Stripe customer acct_wrong is not linked/,
        /000000000004 +it was not active/,
        /000000000005 +it has no name/,
        /billing_config +1 +column nickname \(the robots\) says nothing that is known here/,
        /billing_invoices +\S+ +INV-2026-0045 was a draft/,
        /agent_usage_logs +\S+ +a count is below zero/,
      ]
    ) match(said, told);

    await isFirstMonthRight(sql, databaseUrl);
    await isPaidInHistory(sql);
    deepStrictEqual([
      ...await sql`select client_id, stripe_customer_id, livemode
      from public.stripe_customers`,
    ], [
      { client_id: ACME, stripe_customer_id: "cus_acme", livemode: true },
    ]);
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
    deepStrictEqual(
      [...await sql`select * from billing.usage_discrepancies('[2026-09-01,2026-11-01)')`],
      [],
    );

    const again = await picture(sql);
    match(await adopt("apply"), /adopted already/);
    match(await adopt("dry"), /adopted already/);
    strictEqual(await picture(sql), again, "a second adopt does nothing");
    await rejects(adopt("undo"), /no way back: 3 invoices have been issued here/);
  }));
