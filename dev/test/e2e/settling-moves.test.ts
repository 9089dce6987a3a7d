import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";

/**
 * Every table that rating reads is moved while a run is open that has rated already: one transaction
 * for all, one batch of a run, and a batch that has rated and not written yet. Which tables these
 * are is read from the catalog: a new one fails this test until it is here, with a change that
 * matters or with the reason why there is none.
 */

interface Scenario {
  readonly client: string;
  readonly model: string;
}

type Change = (sql: Sql, scenario: Scenario) => Promise<unknown>;

/** A change that would change what the client's June is rated at, by table. */
const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  "public.usage_records": [async (sql, { client, model }) => {
    await logSearches(sql, { client, model }, 700);
    await sql`select _billing.rollup()`;
  }],
  "public.prices": [(sql, { client }) =>
    sql`
      insert into public.prices (client_id, metric, unit_amount, effective_from)
      values (${client}, 'web_searches', 0.05, '2026-06-01')`, (sql) =>
    sql`
      update public.prices set unit_amount = unit_amount * 2
      where client_id is null and metric = 'web_searches'`],
  "public.list_prices": [(sql, { model }) =>
    sql`
      with ended as (
        update public.list_prices set effective_until = '2026-06-05' where model = ${model}
        returning *
      )
      insert into public.list_prices (provider, model, metric, amount, effective_from, sync_id,
        source_field, source_text)
      select provider, model, metric, 2, '2026-06-05', sync_id, source_field, '2' from ended`],
  "public.billing_config": [(sql, { client }) =>
    sql`
      update public.billing_config set minimum_minor = 90000 where client_id = ${client}`],
  "public.models": [(sql, { model }) =>
    sql`
      insert into public.models (id, family, provider) values (${model}, 'dear', 'openai')
      on conflict (id) do update set family = 'dear'`],
  "public.clients": [
    (sql, { client }) =>
      sql`update public.clients set started_on = '2026-06-11' where id = ${client}`,
    (sql, { client }) =>
      sql`update public.clients set ended_on = '2026-06-10' where id = ${client}`,
    (sql, { client }) =>
      sql`update public.clients set billing_anchor_day = 15 where id = ${client}`,
  ],
  "public.service_intervals": [
    (sql, { client }) => sql`select billing.end_service(${client}, '2026-06-10', 'a test')`,
    (sql, { client }) =>
      sql`
        update public.service_intervals set starts_on = '2026-06-12' where client_id = ${client}`,
  ],
  "public.client_time_zones": [(sql, { client }) =>
    sql`
      update public.clients set time_zone = 'Pacific/Auckland' where id = ${client}`],
  "public.invoice_items": [
    (sql, { client }) =>
      sql`
        insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
        values (${client}, 'Set-up', 20, 'USD', '2026-06-20')`,
    (sql, { client }) =>
      sql`update public.invoice_items set unit_amount = 77 where client_id = ${client}`,
    (sql, { client }) => sql`delete from public.invoice_items where client_id = ${client}`,
  ],
  "public.stripe_meters": [(sql, { client }) =>
    sql`
      insert into public.stripe_meters (client_id, metric, event_name, effective_from)
      values (${client}, 'web_searches', 'searches', '2026-06-01')`],
  "billing.unbilled_metrics": [(sql) =>
    sql`
      insert into billing.unbilled_metrics (metric, why) values ('web_searches', 'a test')
      on conflict (metric) do nothing`],
  "public.billing_settings": [
    (sql) => sql`update public.billing_settings set number_series = number_series || 'X'`,
  ],
};

/** Why there is no change to make of these. */
const UNMOVED: Readonly<Record<string, string>> = {
  "public.currencies": "reference data; digits of a currency change by a migration",
  "billing.price_models": "reference data; a model changes by a migration",
  "public.invoices": "written under the lock of its client alone",
  "public.invoice_lines": "written under the lock of its client alone",
  "public.credit_notes": "written under the lock of its client alone",
  "public.credit_note_lines": "written under the lock of its client alone",
  "public.billing_periods": "written under the lock of its client, or of the period",
};

/**
 * What stands beside the books and rating does not read, with why: what is changed there while a run
 * is open changes no amount.
 */
const BESIDE: Readonly<Record<string, { readonly why: string; readonly change: Change }>> = {
  "_billing.agent_keys": {
    why: "who may log; what was logged is rated by its row",
    change: (sql, { client }) =>
      sql`select id from billing.create_agent_key('a test', array[${client}]::uuid[])`,
  },
  "public.stripe_terms": {
    why: "how an invoice is collected: read when it is sent",
    change: (sql, { client }) =>
      sql`insert into public.stripe_terms (client_id, mailed_by) values (${client}, 'stripe')`,
  },
  "public.hold_limits": {
    why: "whether a draft is issued: read when it is made, its amounts are the same",
    change: (sql, { client }) =>
      sql`
        insert into public.hold_limits (client_id, currency, ceiling_minor)
        values (${client}, 'USD', 1)`,
  },
  "public.stripe_payouts": {
    why: "what Stripe pays us, of invoices that are issued",
    change: (sql) =>
      sql`
        insert into public.stripe_payouts (payout_id, livemode, status, is_automatic, amount_minor,
          currency, arrives_on, created_at)
        values ('po_1', false, 'paid', true, 100, 'USD', '2026-06-20', now())`,
  },
  "public.stripe_payment_records": {
    why: "what Stripe knows of payments, of invoices that are issued",
    change: (sql) =>
      sql`
        insert into public.stripe_payment_records (payment_id, livemode, amount_minor, state)
        select p.id, false, p.amount_minor, 'told' from public.payments p`,
  },
  "billing.audit_seals": {
    why: "hashes of the audit log",
    change: (sql) => sql`select _billing.seal_audit()`,
  },
  "_billing.stripe_setups": {
    why: "payment methods that clients have stored at Stripe",
    change: (sql) =>
      sql`
        insert into _billing.stripe_setups (setup_intent_id, livemode, stripe_customer_id, seen_at)
        values ('seti_1', false, 'cus_1', now())`,
  },
};

/**
 * A client of June with 1,000 searches, 10 pages at their list price and an item of 10.00, beside
 * whatever there was before.
 */
async function prepare(sql: Sql, name: string): Promise<Scenario> {
  const scenario = { client: randomUUID(), model: `model-${randomUUID()}` };
  await sql`
    insert into public.clients (id, name, started_on) values (${scenario.client}, ${name}, '2026-06-01')`;
  await sql`
    insert into public.billing_config (client_id, minimum_minor) values (${scenario.client}, 0)`;
  await sql`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    values (${scenario.client}, 'Support', 10, 'USD', '2026-06-05')`;
  await listPages(sql, scenario);
  await logSearches(sql, scenario, 1000);
  await sql`select _billing.rollup()`;
  return scenario;
}

/** Pages cost the client what the model's provider charges for them, 1.00 each. */
async function listPages(sql: Sql, { client, model }: Scenario) {
  const [sync] = await sql<{ id: string }[]>`
    insert into public.price_syncs (source, sha256, fetched_at)
    values ('litellm', md5(${model}) || md5(${model}), '2026-06-01') returning id`;
  await sql`
    insert into public.listed_models (id, provider, sync_id)
    values (${model}, 'p', ${sync?.id ?? ""})`;
  await sql`
    insert into public.list_prices (provider, model, metric, amount, sync_id, source_field,
      source_text)
    values ('p', ${model}, 'pages', 1, ${sync?.id ?? ""}, 'page', '1')`;
  await sql`
    insert into public.prices (client_id, metric, pricing_model, unit_amount, markup_percent)
    values (${client}, 'pages', 'cost_plus', 0, 0)`;
  await sql`
    insert into public.agent_usage_logs (agent, model, other_features, client_id, "timestamp")
    values ('S', ${model}, '{"pages": 10}', ${client}, '2026-06-10T00:00:00Z')`;
}

async function logSearches(sql: Sql, { client, model }: Scenario, count: number) {
  await sql`
    insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
    values ('S', ${model}, ${count}, ${client}, '2026-06-10T00:00:00Z')`;
}

/** One transaction that has closed the month and stays open until `meanwhile` is done or waits. */
type Hold = (sql: Sql, meanwhile: () => Promise<unknown>, connect: () => Sql) => Promise<void>;
const HOLDS: Readonly<Record<string, Hold>> = {
  "a run in one transaction": async (sql, meanwhile) => {
    let change: Promise<unknown> = Promise.resolve();
    await sql.begin(async (run) => {
      await run`select billing.run_monthly('2026-07-01')`;
      change = doneOrWaiting(meanwhile());
      await change;
    });
    await change;
  },
  "a batch that has rated and not written": async (sql, meanwhile, connect) => {
    const holder = connect();
    const [run] = await sql<{ id: string }[]>`select billing.begin_run('2026-07-01') as id`;
    let settled: Promise<unknown> = Promise.resolve();
    let change: Promise<unknown> = Promise.resolve();
    await holder.begin(async (hold) => {
      await hold`select pg_advisory_xact_lock(${PAUSE}::int)`;
      settled = sql`select billing.settle_batch(${run?.id ?? ""})`.execute();
      await eventually(async () => {
        const [waiting] = await hold<{ count: number }[]>`
          select count(*)::int as count from pg_locks
          where locktype = 'advisory' and objid = ${PAUSE}::int and not granted`;
        strictEqual(waiting?.count, 1);
      });
      change = doneOrWaiting(meanwhile());
      await change;
    });
    await settled;
    await change;
    await holder.end();
    await sql`select billing.finish_run(${run?.id ?? ""})`;
  },
  "a batch of a run": async (sql, meanwhile) => {
    const [run] = await sql<{ id: string }[]>`select billing.begin_run('2026-07-01') as id`;
    let change: Promise<unknown> = Promise.resolve();
    await sql.begin(async (batch) => {
      await batch`select billing.settle_batch(${run?.id ?? ""})`;
      change = doneOrWaiting(meanwhile());
      await change;
    });
    await change;
    await sql`select billing.finish_run(${run?.id ?? ""})`;
  },
};

const PAUSE = 4242;

/** While a session holds this advisory lock, nothing that was rated is written. */
async function pauseBeforeWriting(sql: Sql): Promise<void> {
  await sql`
    create function public.pause_before_writing() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(4242);
      return null;
    end $$`;
  await sql`
    create trigger pause_before_writing before insert on public.invoices
    for each statement execute function public.pause_before_writing()`;
}

/** Gives `work` half a second; a domain error of it (frozen) is an answer like another. */
async function doneOrWaiting(work: Promise<unknown>): Promise<void> {
  const answered = work.catch((error: unknown) => {
    const code = typeof error === "object" && error !== null && "detail" in error
      ? error.detail
      : undefined;
    ok(code === "past_is_frozen" || code === "invoice_frozen", `refused: ${error}`);
  });
  pending.push(answered);
  await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, 500))]);
}
const pending: Promise<unknown>[] = [];

/** Sections that are booked otherwise than they are rated, of every client, in either direction. */
function unequal(sql: Sql) {
  return sql<{ name: string; section_start: string; net_minor: string }[]>`
    select c.name, s.section_start::text, s.net_minor::text
    from _billing.late_sections(array(
      select (p.client_id, p.period_start, p.period_end)::billing.rating_target
      from public.billing_periods p where p.state = 'invoiced')) s
    join public.clients c on c.id = s.client_id where s.net_minor <> 0`;
}

Deno.test("what rating reads is what this test moves", () =>
  withDatabase(async ({ sql }) => {
    const read = await tablesReadBy(sql, "_billing.rate_periods");
    const known = [...Object.keys(CHANGES), ...Object.keys(UNMOVED)];
    deepStrictEqual(read.filter((table) => !known.includes(table)), []);
    ok(read.includes("public.usage_records") && read.includes("public.prices"), read.join());
  }));

Deno.test("what stands beside the books is not read by rating", () =>
  withDatabase(async ({ sql }) => {
    const read = await tablesReadBy(sql, "_billing.rate_periods");
    const tables = await sql<{ name: string }[]>`
      select n.nspname || '.' || c.relname as name
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'`;
    for (const table of Object.keys(BESIDE)) {
      ok(tables.some(({ name }) => name === table), `there is no ${table}`);
      ok(!read.includes(table), `${table} is read: it belongs to CHANGES`);
    }
  }));

Deno.test("what stands beside the books changes no amount of a run that is open", () =>
  withDatabase(async ({ sql, connect }) => {
    const other = connect();
    await pauseBeforeWriting(sql);
    await prepare(sql, "First");
    await sql`select billing.run_monthly('2026-07-01')`;
    const [first] = await sql<{ id: string; total: string }[]>`
      select id, total_minor::text as total from public.invoices`;
    await sql`select billing.record_payment(${first?.id ?? ""}, 100, method => 'bank_transfer')`;
    const held = HOLDS["a batch that has rated and not written"];
    for (const [table, { change }] of Object.entries(BESIDE)) {
      const scenario = await prepare(sql, `${table} ${randomUUID()}`);
      await held?.(sql, () => change(other, scenario), connect);
      await Promise.all(pending.splice(0));
      // A draft that its limit has held since is issued by the next run without the limit.
      await sql`delete from public.hold_limits where client_id = ${scenario.client}`;
      await sql`select billing.run_monthly('2026-07-02')`;
      deepStrictEqual(
        [
          ...await sql`
            select status, total_minor::text as total from public.invoices
            where client_id = ${scenario.client}`,
        ],
        [{ status: "open", total: first?.total }],
        `after a change of ${table}`,
      );
    }
    deepStrictEqual([...await unequal(sql)], []);
  }));

for (const [hold, held] of Object.entries(HOLDS)) {
  Deno.test(`booked is rated for everybody, whatever moves during ${hold}`, () =>
    withDatabase(async ({ sql, connect }) => {
      const other = connect();
      await sql`insert into public.prices (family, metric, unit_amount) values
        ('dear', 'web_searches', 9)`;
      await pauseBeforeWriting(sql);
      await prepare(sql, "Bystander");
      for (const [table, changes] of Object.entries(CHANGES)) {
        for (const change of changes) {
          const scenario = await prepare(sql, `${table} ${randomUUID()}`);
          await held(sql, () => change(other, scenario), connect);
          await Promise.all(pending.splice(0));
          await sql`select billing.run_monthly('2026-07-02')`;
          await sql`select billing.run_monthly('2026-08-02')`;
          deepStrictEqual([...await unequal(sql)], [], `after a change of ${table}`);
          const [draft] = await sql`select 1 from public.invoices where status = 'draft'`;
          strictEqual(draft, undefined);
        }
      }
      const violations = await sql`select * from billing.check_invariants('2026-06-01')`;
      deepStrictEqual([...violations], []);
    }));
}

/** Tables that a function reads, through whatever it calls: names in bodies and definitions. */
async function tablesReadBy(sql: Sql, start: string): Promise<string[]> {
  const things = await sql<{ name: string; kind: string; body: string }[]>`
    select n.nspname || '.' || p.proname as name, 'function' as kind,
      coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('public', 'billing', '_billing') and p.prokind = 'f'
    union all
    select n.nspname || '.' || c.relname, case when c.relkind = 'v' then 'view' else 'table' end,
      case when c.relkind = 'v' then pg_get_viewdef(c.oid) else '' end
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('public', 'billing', '_billing') and c.relkind in ('r', 'p', 'v', 'm')`;
  const seen = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const { kind, body } of things.filter((thing) => thing.name === name)) {
      if (kind === "table") continue;
      const code = body.replace(/--.*$/gm, "");
      for (const [found] of code.matchAll(/\b(?:public|_?billing)\.\w+/g)) {
        if (!seen.has(found)) open.push(found);
        seen.add(found);
      }
    }
  }
  return [...seen].filter((name) => things.some((t) => t.name === name && t.kind === "table"))
    .sort();
}
