import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import type { Sql } from "postgres";
import { uuidOf } from "../support/random.ts";
import { AS_OF, runMonth } from "../support/june/month.ts";
import { verifyMonth } from "../support/june/verify.ts";
import { eventually } from "../support/eventually.ts";
import { withJune } from "../support/june-database.ts";

const FIRST_INVOICES = [
  ["INV-2026-000001", "Acme Robotics", 12500],
  ["INV-2026-000002", "Birch & Co", 5000],
];

/** `[number, client, total]` of every invoice, drafts included. */
async function invoices(sql: Sql) {
  const rows = await sql`
    select i.number, c.name, i.total_minor::int as total
    from public.invoices i join public.clients c on c.id = i.client_id
    order by i.number, c.name`;
  return rows.map(({ number, name, total }) => [number, name, total]);
}

/** Everything that the books say, and nothing that the clock says. */
async function books(sql: Sql) {
  return {
    invoices: await sql`select * from public.invoices order by id`,
    lines: await sql`select * from public.invoice_lines order by id`,
    counters: await sql`select * from _billing.invoice_counters order by series, year`,
    usage: await sql`
      select * from public.usage_records order by client_id, usage_day, model, metric, agent`,
  };
}

async function linesOf(sql: Sql, client: string) {
  const rows = await sql`
    select l.kind, l.model, l.metric, l.quantity::int as quantity, l.amount_minor::int as amount
    from public.invoice_lines l
    join public.invoices i on i.id = l.invoice_id
    join public.clients c on c.id = i.client_id
    where c.name = ${client} order by l.position`;
  return rows.map(({ kind, model, metric, quantity, amount }) =>
    kind === "usage" ? [model, metric, quantity, amount] : [kind, amount]
  );
}

/**
 * Holds the counter of invoice numbers while `meanwhile` runs: a monthly run comes as far as its
 * drafts and then waits.
 */
async function whileNumbersAreTaken(sql: Sql, meanwhile: () => Promise<void>): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`lock table _billing.invoice_counters in access exclusive mode`;
    await meanwhile();
  });
}

/** Waits until so many sessions are kept waiting in run_monthly; returns their process ids. */
async function waitingRuns(sql: Sql, count: number): Promise<number[]> {
  let pids: number[] = [];
  await eventually(async () => {
    const rows = await sql`
      select pid from pg_stat_activity
      where wait_event_type = 'Lock' and query like '%billing.run_monthly%'`;
    pids = rows.map(({ pid }) => pid);
    strictEqual(pids.length, count);
  }, 60_000);
  return pids;
}

Deno.test("two invoices that anyone can check by hand", () =>
  withJune(async ({ sql }) => {
    await runMonth(sql);
    deepStrictEqual(await invoices(sql), FIRST_INVOICES);
    const [opus, sonnet] = ["claude-opus-4-20250514", "claude-sonnet-4-20250514"];
    deepStrictEqual(await linesOf(sql, "Acme Robotics"), [
      [opus, "input_tokens", 1_000_000, 1500],
      [opus, "output_tokens", 200_000, 1500],
      [sonnet, "input_tokens", 10_000_000, 3000],
      [sonnet, "output_tokens", 4_000_000, 6000],
      [sonnet, "web_searches", 500, 500],
    ]);
    deepStrictEqual(await linesOf(sql, "Birch & Co"), [
      [opus, "input_tokens", 100_000, 150],
      [opus, "output_tokens", 50_000, 375],
      [sonnet, "input_tokens", 2_000_000, 600],
      [sonnet, "output_tokens", 500_000, 750],
      [sonnet, "web_searches", 120, 120],
      ["minimum", 3005],
    ]);
  }));

Deno.test("blocked and unowned usage is billed once it has a price and an owner, and only it", () =>
  withJune(async ({ sql }) => {
    await runMonth(sql);
    const [blocked] = await sql`
      select c.name, p.reason, p.message
      from public.billing_periods p join public.clients c on c.id = p.client_id
      where p.state = 'blocked'`;
    strictEqual(blocked?.name, "Nimbus Forge");
    strictEqual(blocked?.reason, "unpriced_usage");
    match(blocked?.message, /input_tokens of model mistral-large-2411/);
    match(blocked?.message, /output_tokens of model mistral-large-2411/);
    const quarantine = () => sql`select reason from _billing.summarize_quarantine()`;
    deepStrictEqual((await quarantine()).map(({ reason }) => reason), [
      "no_client",
      "unpriced_usage",
    ]);
    const before = await sql`select * from public.invoices order by number`;

    await sql`
      insert into public.prices (model, metric, unit_amount, per_units) values
        ('mistral-large-2411', 'input_tokens', 2, 1000000),
        ('mistral-large-2411', 'output_tokens', 6, 1000000)`;
    await sql`
      insert into public.agent_assignments (agent, client_id)
      values ('DRIFTWOOD', ${uuidOf("quiet-pines")})`;
    await runMonth(sql);

    deepStrictEqual([...await quarantine()], []);
    const after = await sql`select * from public.invoices order by number`;
    deepStrictEqual([...after.slice(0, 2)], [...before]);
    const added = (await invoices(sql)).slice(2);
    deepStrictEqual(added.map(([number, client]) => [number, client]), [
      ["INV-2026-000003", "Nimbus Forge"],
      ["INV-2026-000004", "Quiet Pines Retreat"],
    ]);
    // 37 calls of 1,200 and 300 tokens: 44,400 × 3.00 and 11,100 × 15.00 per million.
    deepStrictEqual(await linesOf(sql, "Quiet Pines Retreat"), [
      ["claude-sonnet-4-20250514", "input_tokens", 44_400, 13],
      ["claude-sonnet-4-20250514", "output_tokens", 11_100, 17],
    ]);
    deepStrictEqual((await verifyMonth(sql)).differences, []);
  }));

Deno.test("running the month again changes nothing", () =>
  withJune(async ({ sql }) => {
    await runMonth(sql);
    const once = await books(sql);
    await runMonth(sql);
    deepStrictEqual(await books(sql), once);
    await sql`select billing.run_monthly(${AS_OF}::timestamptz + interval '1 hour')`;
    deepStrictEqual(await books(sql), once);
  }));

Deno.test("two runs at once bill the month once", () =>
  withJune(async ({ sql, connect }) => {
    const [one, other, watcher] = [connect(), connect(), connect()];
    const runs: Promise<void>[] = [];
    await whileNumbersAreTaken(sql, async () => {
      runs.push(runMonth(one), runMonth(other));
      await waitingRuns(watcher, 2);
    });
    await Promise.all(runs);
    // Usage counted twice would be repaired before it is billed; it must not come to that.
    const repaired = await sql`
      select (summary ->> 'discrepancies_repaired')::int as places from billing.monthly_runs`;
    deepStrictEqual(repaired.map(({ places }) => places), [0, 0]);
    deepStrictEqual(await invoices(sql), FIRST_INVOICES);
    deepStrictEqual((await verifyMonth(sql)).differences, []);
  }));

Deno.test("a run that is killed has not happened, and the next leaves no gap", () =>
  withJune(async ({ sql, connect }) => {
    const before = await books(sql);
    const watcher = connect();
    const runs: Promise<void>[] = [];
    await whileNumbersAreTaken(sql, async () => {
      runs.push(rejects(runMonth(connect())));
      const [pid] = await waitingRuns(watcher, 1);
      await watcher`select pg_terminate_backend(${pid ?? 0})`;
      await Promise.all(runs);
    });
    deepStrictEqual(await books(sql), before);
    await runMonth(sql);
    deepStrictEqual(await invoices(sql), FIRST_INVOICES);
    const [counter] = await sql`select last_number::int from _billing.invoice_counters`;
    strictEqual(counter?.last_number, 2);
  }));
