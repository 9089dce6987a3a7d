import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { applyMigrations } from "../../platform/migrations.ts";
import { describeSchema, readSchema, schemaDifferences } from "../../tools/schema/dump.ts";
import { picture, PLAIN, scansOfEarlierLog, withServer } from "../support/adoption.ts";
import { platform } from "../support/platform-env.ts";

/** An earlier system with ids that are no UUIDs, times without zone and columns of other types. */
const OTHER_SHAPES = `
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
  insert into public.agent_usage_logs (agent, "timestamp") values ('SILENT', '2026-10-03');`;

Deno.test("ids that are no UUIDs, times without zone and columns of other types are taken, and go back", () =>
  withServer(async ({ sql, adopt, databaseUrl }) => {
    await sql.unsafe(OTHER_SHAPES).simple();
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

Deno.test("obstacles are reported and nothing is done: names, other logs, invoiced months", () =>
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
