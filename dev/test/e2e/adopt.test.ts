import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import postgres, { type Sql, type TransactionSql } from "postgres";
import { type AdoptOptions, apply, dryRun, undo } from "../../../cli/adopt/adopt.ts";
import { compareMonths } from "../../../cli/adopt/compare.ts";
import { readMigrations } from "../../../cli/adopt/migrations.ts";
import type { BeforeCommit } from "../../../cli/adopt/steps.ts";
import { surviveLostConnections } from "../../platform/client-errors.ts";
import { startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { type RunningPostgres, startPostgres } from "../../platform/postgres.ts";
import { describeSchema, readSchema, schemaDifferences } from "../../tools/schema/dump.ts";
import { buildEarlierSystem, startAgent } from "../support/earlier-system.ts";
import { platform } from "../support/platform-env.ts";

const ACME = "c0000000-0000-4000-8000-000000000001";
const BIRCH = "c0000000-0000-4000-8000-000000000002";
const COBALT = "c0000000-0000-4000-8000-000000000003";
const LOGS = 200_000;
const PLAIN: AdoptOptions = {
  cutOver: null,
  cutOvers: {},
  logsFrom: null,
  isLive: true,
  moveOtherLog: false,
};
// Sessions are killed here, and the client library may throw where nobody can catch it.
surviveLostConnections();
const migrations = await readMigrations(join(repositoryRoot, "supabase", "migrations"));

const LOST = new Error("the session is lost");
const delay = (milliseconds: number) =>
  new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

interface Server {
  readonly sql: Sql;
  readonly databaseUrl: string;
  connect(): Sql;
  /** Runs adoption on a session of its own; returns what it said. */
  adopt(
    what: "dry" | "apply" | "undo",
    beforeCommit?: BeforeCommit,
    options?: AdoptOptions,
  ): Promise<string>;
}

async function withServer(test: (server: Server) => Promise<void>): Promise<void> {
  const guard = startGuard();
  let server: RunningPostgres | undefined;
  const sessions: Sql[] = [];
  try {
    server = await startPostgres({ engine: platform.engine, port: 0, durable: false, guard });
    const { databaseUrl } = server;
    const connect = () => {
      const session = postgres(databaseUrl, { max: 1, onnotice: () => {} });
      sessions.push(session);
      return session;
    };
    await test({
      sql: connect(),
      databaseUrl,
      connect,
      adopt: async (what, beforeCommit, options = PLAIN) => {
        const sql = connect();
        const lines: string[] = [];
        const ports = {
          sql,
          migrations,
          out: (text: string) => lines.push(text),
          ...beforeCommit && { beforeCommit },
        };
        try {
          if (what === "dry") await dryRun(options, ports);
          else if (what === "apply") await apply(options, ports);
          else await undo(ports);
        } finally {
          await sql.end({ timeout: 1 }).catch(() => {});
        }
        return lines.join("\n");
      },
    });
  } finally {
    await Promise.all(sessions.map((session) => session.end({ timeout: 1 }).catch(() => {})));
    await server?.stop();
    await guard.stop();
  }
}

/** Everything in schema public, and what is in it, as a text. */
async function picture(sql: Sql): Promise<string> {
  const shape = await sql`
    select c.relname, c.relkind, c.relacl::text as acl, a.attname, a.atttypid::regtype::text as type,
      a.attnotnull, pg_get_expr(d.adbin, d.adrelid) as default
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace order by c.relname, a.attnum`;
  const others = await sql`
    select conrelid::regclass::text as name, conname, pg_get_constraintdef(oid) as text
    from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'schema', nspname, '' from pg_namespace
    where nspname !~ '^pg_' and nspname not in ('cron', 'net') -- of extensions, which stay
    union all select viewname, 'view', definition from pg_views where schemaname = 'public'
    order by 1, 2`;
  const rows: unknown[] = [];
  const tables = await sql`select relname::text as name from pg_class
    where relnamespace = 'public'::regnamespace and relname ~ '^billing_(cl|con|inv|usage)'
      and relkind = 'r' order by 1`;
  for (const { name } of tables) {
    rows.push(await sql.unsafe(`select to_jsonb(t) as row from public.${name} t order by 1::text`));
  }
  return JSON.stringify([shape, others, rows], null, 1);
}

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

/** How often this transaction has read all of the earlier log, which has its name again. */
async function scansOfEarlierLog(tx: TransactionSql) {
  return await tx`select seq_scan::integer as scans from pg_stat_xact_all_tables
    where relid = 'public.agent_usage_logs'::regclass`;
}

/** Sums of October by client, model and metric, by hand: not through anything of billing. */
async function octoberIn(sql: Sql, table: string) {
  const rows = await sql.unsafe(`
    select metadata ->> 'client_id' as client, model, sum(input_tokens)::text as input,
      sum(output_tokens)::text as output, sum(web_searches)::text as searches,
      coalesce(sum((other_features ->> 'pdf_processing')::integer), 0)::text as pdfs
    from ${table} where "timestamp" >= '2026-10-01Z' and "timestamp" < '2026-11-01Z'
      and input_tokens >= 0 group by 1, 2`);
  return rows.map((row) => ({
    client: String(row.client),
    model: String(row.model),
    input: BigInt(row.input),
    output: BigInt(row.output),
    searches: BigInt(row.searches),
    pdfs: BigInt(row.pdfs),
  }));
}

/** Cents of some units at cents per so many, half away from zero. */
const cents = (units: bigint, rate: bigint, per: bigint) => (2n * units * rate + per) / (2n * per);

/** What October costs a client, from sums and price lists written down here. */
function october(sums: Awaited<ReturnType<typeof octoberIn>>, client: string): bigint {
  // Cents per million; Acme has its own Sonnet and search prices.
  const sonnet = client === ACME ? [250n, 1200n] : [300n, 1500n];
  const search = client === ACME ? 2n : 1n;
  const minimum = client === ACME ? 10000n : client === BIRCH ? 7500n : 5000n;
  let total = 0n;
  for (const { model, input, output, searches, pdfs } of sums.filter((s) => s.client === client)) {
    const [inputRate = 0n, outputRate = 0n] = model.includes("opus") ? [1500n, 7500n] : sonnet;
    total += cents(input, inputRate, 1_000_000n) + cents(output, outputRate, 1_000_000n) +
      searches * search + pdfs * 2n;
  }
  return total < minimum ? minimum : total;
}

/** What the earlier system would have charged: everything at once, one rounding, no PDFs. */
function octoberBefore(sums: Awaited<ReturnType<typeof octoberIn>>, client: string): bigint {
  const sonnet = client === ACME ? [250n, 1200n] : [300n, 1500n];
  const search = client === ACME ? 2n : 1n;
  let millionths = 0n;
  for (const { model, input, output, searches } of sums.filter((s) => s.client === client)) {
    const [inputRate = 0n, outputRate = 0n] = model.includes("opus") ? [1500n, 7500n] : sonnet;
    millionths += input * inputRate + output * outputRate + searches * search * 1_000_000n;
  }
  return (2n * millionths + 1_000_000n) / 2_000_000n;
}

/** Both sides of October are what was computed apart; the items' differences make up the total's. */
async function isCompared(url: string, sums: Awaited<ReturnType<typeof octoberIn>>) {
  const rows = await compareMonths(url, ["2026-10"]) ?? [];
  for (const [name, id] of [["Acme Robotics", ACME], ["Birch & Sons", BIRCH], ["Cobalt", COBALT]]) {
    const own = rows.filter(({ client }) => client === name);
    const total = own.find(({ item }) => item === "total");
    const inCents = (value: unknown) => BigInt(Math.round(Number(value) * 100));
    strictEqual(inCents(total?.amount_here), october(sums, id ?? ""), `${name} here`);
    strictEqual(inCents(total?.amount_before), octoberBefore(sums, id ?? ""), `${name} before`);
    const items = own.filter(({ item }) => item !== "total");
    const differences = items.reduce((sum, { difference }) => sum + Number(difference), 0);
    ok(Math.abs(differences - Number(total?.difference)) < 1e-6, `${name}: ${differences}`);
    deepStrictEqual(
      items.filter(({ difference, why }) => difference !== "0" && why === null),
      [],
      "each difference has its reason",
    );
    match(
      String(items.find(({ item }) => item === "pdf_processing")?.why),
      /the earlier price list had no price for it/,
    );
  }
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

    // Nothing lost: each call that was accepted is in one of both logs, and shown once.
    const [lost] = await sql`select count(*)::integer as logs
      from unnest(${agent.accepted}::uuid[]) id
      where not exists (select from public.agent_usage_logs l where l.id = id.id)`;
    strictEqual(lost?.logs, 0);
    const [shown] = await sql`select sum(request_count) as calls from public.agent_cost_summary`;
    strictEqual(Number(shown?.calls), LOGS + 1 + agent.accepted.length);
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

    // The first month, computed apart from the rows of the earlier and the new log.
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
    // The one that was open is paid in Stripe now: the history says so, the books do not change.
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

// Minutes: on the engine whose suite is shorter, which is the version of self-hosted Supabase too.
if (platform.engine === "debian") {
  Deno.test("adoption that is killed at every step goes on, and the way back restores", () =>
    withServer(async ({ sql, connect, adopt }) => {
      await buildEarlierSystem(sql, 5000);
      const before = await picture(sql);
      const agent = await startAgent(connect(), BIRCH);
      const killed = new Set<string>();
      const scans: unknown[] = [];
      let pieces = 0;
      // Each session dies at the first step that none has died at. Of the pieces of the migration,
      // which are all one step to the code, those are taken that touch the log, and every tenth.
      const dieOnce: BeforeCommit = async (step, tx) => {
        if (step === "logs returned") await tx`select pg_stat_force_next_flush()`;
        if (killed.has(step)) return;
        if (step.startsWith("schema ") && !step.includes("20_usage/logs") && pieces++ % 10 > 0) {
          return;
        }
        killed.add(step);
        if (step === "log switched back") scans.push(...await scansOfEarlierLog(tx));
        died.resolve();
        await tx`select pg_terminate_backend(pg_backend_pid())`;
      };
      // The client library may leave a query of a lost session open for ever: a second is enough.
      let died = Promise.withResolvers<void>();
      const untilDone = async (what: "apply" | "undo") => {
        for (let tries = 0; tries < 1000; tries++) {
          died = Promise.withResolvers();
          const lost = died.promise.then(() => delay(1000)).then(() => Promise.reject(LOST));
          try {
            return await Promise.race([adopt(what, dieOnce), lost]);
          } catch (error) {
            if (error !== LOST) match(String(error), /terminating connection|CONNECTION_|57P01/);
          }
        }
        throw new Error("it never ended");
      };
      await untilDone("apply");
      ok(killed.size > 25, `${killed.size} steps`);
      await sql`select _billing.rollup()`;
      deepStrictEqual(
        [...await sql`select name, started_on::text from public.clients order by 1`],
        [
          { name: "Acme Robotics", started_on: "2026-10-01" },
          { name: "Birch & Sons", started_on: "2026-10-01" },
          { name: "Cobalt", started_on: "2026-10-01" },
          { name: "Gone Ltd", started_on: "2026-11-01" },
        ],
      );
      await untilDone("undo");
      deepStrictEqual(scans, [{ scans: 0 }], "none of the earlier rows is read meanwhile");
      await agent.stop();
      deepStrictEqual(agent.failures, []);
      ok(agent.slowest < 1000, `an insert took ${agent.slowest} ms`);
      const [logs] = await sql`select count(*)::integer as logs, count(distinct id)::integer as ids
      from public.agent_usage_logs`;
      deepStrictEqual(logs, {
        logs: 5001 + agent.accepted.length,
        ids: 5001 + agent.accepted.length,
      });
      strictEqual(await picture(sql), before, "the way back restores");
      match(await adopt("undo"), /nothing to undo/);
      // And once more: what is restored can be adopted.
      match(await adopt("apply"), /Adopted: \d+ steps/);
    }));
}

Deno.test("ids that are no UUIDs, times without zone and columns of other types are taken, and go back", () =>
  withServer(async ({ sql, adopt, databaseUrl }) => {
    await sql.unsafe(`
      create table public.agent_usage_logs (id bigserial primary key, agent varchar(50),
        model text, input_tokens integer, output_tokens integer, web_searches smallint,
        other_features json, total_cost double precision, metadata json,
        "timestamp" timestamp not null, team text);
      create table public.billing_clients (id serial primary key, company_name text, status text);
      create table public.billing_config (client_id integer, rates jsonb, monthly_minimum_cents text);
      insert into public.billing_clients (company_name) values ('Acme'), ('Birch');
      insert into public.billing_config values
        (1, '{"claude-opus": {"input": 10, "output_per_1k": 0.05}, "web_search": "x"}', '2500');
      insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, web_searches,
        other_features, total_cost, metadata, "timestamp", team) values
        ('SCHOLAR', 'claude-opus', 1000000, 100000, 1, null, 0.1, '{"client_id": "1"}',
          '2026-10-01 00:00:00', 'red'),
        ('SCHOLAR', 'claude-opus', 1, 1, 0, '{}', 0.1, '{"client_id": "1"}',
          '2026-09-30 23:59:59.999', 'red');
      insert into public.agent_usage_logs (agent, "timestamp") values ('SILENT', '2026-10-03');`)
      .simple();
    const before = await picture(sql);
    const options = { ...PLAIN, cutOvers: { "1": "2026-10-01", "2": "2026-11-01" } };
    const said = await adopt("apply", undefined, options);
    // What came in piece by piece is what a fresh build is, and the CLI finds nothing to do.
    const fresh = [...(await readSchema()).values()].join("\n");
    const sameVersion = platform.engine === "embedded";
    deepStrictEqual(
      schemaDifferences(fresh, await describeSchema(databaseUrl), { sameVersion }),
      [],
    );
    await applyMigrations(databaseUrl);
    match(said, /agent_usage_logs +\S+ +it has no model/);
    match(said, /rates_web_search is x, no amount/);
    match(said, /rates_claude_opus_input is taken in USD per 1,000,000 tokens/);
    deepStrictEqual([
      ...await sql`select external_id, name, started_on::text
      from public.clients order by 1`,
    ], [
      { external_id: "1", name: "Acme", started_on: "2026-10-01" },
      { external_id: "2", name: "Birch", started_on: "2026-11-01" },
    ]);
    await sql`select _billing.rollup()`;
    await sql`insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
      select 'LATER', 'claude-opus', 5, '2026-10-05', id from public.clients where external_id = '1'`;
    // 1M input at 10.00, 100k output at 0.05 per 1,000, one search at 0.01, five tokens: 15.01.
    const [preview] = await sql`select billing.preview_invoice(id, '2026-10-10',
        '2026-10-10T00:00:00Z') -> 'totals' ->> 'total_minor' as total
      from public.clients where external_id = '1'`;
    strictEqual(preview?.total, "2500", "the minimum of 2500 cents is more than 15.01");
    const [usage] = await sql`select sum(quantity)::text as tokens from public.usage_records
      where metric = 'input_tokens'`;
    strictEqual(usage?.tokens, "1000005", "midnight without a zone is UTC");
    // While nobody can insert, none of the earlier rows is read.
    const scans: unknown[] = [];
    await adopt("undo", async (step, tx) => {
      if (step === "logs returned") {
        await tx`select pg_stat_force_next_flush()`;
        await sql`insert into public.agent_usage_logs (agent, model, "timestamp")
          values ('LAST', 'claude-opus', '2026-10-06')`;
      }
      if (step === "log switched back") scans.push(...await scansOfEarlierLog(tx));
    });
    deepStrictEqual(scans, [{ scans: 0 }]);
    strictEqual(await picture(sql), before);
    deepStrictEqual([
      ...await sql`select id::text, agent, input_tokens, metadata ->> 'client_id' is not
      null as named, team from public.agent_usage_logs order by id`,
    ], [
      { id: "1", agent: "SCHOLAR", input_tokens: 1000000, named: true, team: "red" },
      { id: "2", agent: "SCHOLAR", input_tokens: 1, named: true, team: "red" },
      { id: "3", agent: "SILENT", input_tokens: null, named: false, team: null },
      { id: "4", agent: "LATER", input_tokens: 5, named: true, team: null },
      { id: "5", agent: "LAST", input_tokens: 0, named: false, team: null },
    ]);
  }));

Deno.test("what stands in the way is said, and nothing is done: names, other logs, invoiced months", () =>
  withServer(async ({ sql, adopt }) => {
    await sql.unsafe(`
      create table public.agent_usage_logs (id uuid primary key, agent_name text, operation text,
        input_data jsonb, duration_ms integer, success boolean);
      insert into public.agent_usage_logs (id, agent_name) values (gen_random_uuid(), 'CHIRON');
      create table public.clients (id integer);
      create table public.billing_clients (id text primary key, name text);
      create table public.billing_invoices (client_id text, invoice_number text, amount numeric,
        status text, period_start date);
      insert into public.billing_clients values ('acme', 'Acme');
      insert into public.billing_invoices values ('acme', '2026/09-A', 10, 'paid', '2026-09-01');`)
      .simple();
    const before = await picture(sql);
    match(
      await adopt("dry"),
      /is no log of usage \(its columns: id, agent_name[^]*public\.clients exists: rename it/,
    );
    await rejects(adopt("apply"), /is no log of usage/);
    await sql`alter table public.clients rename to crm_clients`;
    const options = { ...PLAIN, moveOtherLog: true, cutOver: "2026-09-15" };
    await rejects(
      adopt("apply", undefined, options),
      /client acme: its cut-over day 2026-09-15 lies in a month that is invoiced already/,
    );
    await rejects(
      adopt("apply", undefined, { ...options, cutOver: null, cutOvers: { akme: "2026-11-01" } }),
      /client akme: no earlier client has this id/,
    );
    strictEqual((await sql`select to_regnamespace('billing_adoption') as there`)[0]?.there, null);
    const key = sql`hashtextextended('billing_adoption', 0)`;
    await sql`select pg_advisory_lock(${key})`;
    await rejects(adopt("apply", undefined, options), /another adoption is at work/);
    await sql`select pg_advisory_unlock(${key})`;
    const said = await adopt("apply", undefined, { ...options, cutOver: null });
    match(said, /1 numbers are of another form than INV-2026-000001, such as 2026\/09-A/);
    strictEqual((await sql`select agent_name from billing_before.agent_operation_logs`).length, 1);
    await adopt("undo");
    await sql`alter table public.crm_clients rename to clients`;
    strictEqual(await picture(sql), before);
  }));
