import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { createClient } from "@supabase/supabase-js";
import postgres, { type Sql } from "postgres";
import { z } from "zod";
import { sha256Of } from "../../../shared/sha256.ts";
import { type DeliveryWorld, withDeliveryWorld } from "../support/delivery-world.ts";
import { dieAt } from "../support/die-at.ts";
import { eventually } from "../support/eventually.ts";

const MAY_LOGS = 25_000;
const state = z.tuple([z.object({ said: z.string() })]);

/** Two clients with a busy May and a June, both billed. */
async function seed(sql: Sql): Promise<void> {
  await sql`
    insert into public.clients (name, external_id, started_on, time_zone)
    values ('Acme', 'acme', '2026-05-01', 'UTC'), ('Birch', 'birch', '2026-05-01', 'Asia/Tokyo')`;
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", metadata)
    select 'SCHOLAR', 'claude-sonnet', 1000 + n,
      timestamptz '2026-05-01 00:00+09' + n * interval '107 seconds',
      jsonb_build_object('client_id', (array['acme', 'birch'])[n % 2 + 1], 'note', 'Zürich "' || n)
    from generate_series(${9 * 34}::int, ${MAY_LOGS + 9 * 34 - 1}::int) n`;
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", metadata)
    values ('SCHOLAR', 'claude-sonnet', 777, '2026-06-20', '{"client_id": "acme"}')`;
  await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
  await sql`select billing.run_monthly('2026-08-01 09:00+00')`;
}

async function retain(sql: Sql, mostRows = 1_000_000): Promise<string> {
  await sql`select _billing.rollup()`;
  await sql`select _billing.request_month_comparison('2026-05-01')`;
  await sql`call _billing.rebuild_in_steps()`;
  const [{ said }] = state.parse([
    ...await sql`
      select billing.apply_retention('2026-09-10 00:00+00', ${mostRows}::bigint) as said`,
  ]);
  return said;
}

const records = (sql: Sql) => sql`select * from public.usage_records order by 1, 2, 3, 4, 5`;

/** The rows in the exported files, each of which has the hash that was noted. */
async function exportedLines({ sql, platform }: DeliveryWorld): Promise<string[]> {
  const storage = createClient(platform.urls.api, platform.keys.secret).storage.from("usage-logs");
  const exported: string[] = [];
  for (const { path, sha256 } of await sql`select * from billing.log_exports order by part`) {
    const { data, error } = await storage.download(path);
    if (error) throw error;
    const lines = gunzipSync(new Uint8Array(await data.arrayBuffer())).toString();
    strictEqual(sha256Of(lines), sha256);
    exported.push(...lines.trimEnd().split("\n"));
  }
  return exported;
}

Deno.test("old logs are exported, read back, and only then removed, whatever dies", () =>
  withDeliveryWorld(async (world) => {
    const { sql, work, passTime, platform, states } = world;
    await seed(sql);
    strictEqual(await retain(sql), "logs are kept for ever");
    await sql`update public.billing_settings set log_retention_months = 3`;
    const before = await records(sql);
    const logs = z.array(z.object({ line: z.string() })).parse([
      ...await sql`
        select (to_jsonb(l) - 'stored_by')::text as line from public.agent_usage_logs l
        where "timestamp" < '2026-06-01 00:00+00' order by 1`,
    ]).map(({ line }) => line);

    match(await retain(sql), /^2026-05: exporting [23] files$/);
    strictEqual(await retain(sql), "2026-05: waiting for exports");
    for (const death of ["claimed", "stored", "handled", "finished"]) {
      await dieAt(`log_export:${death}`, world);
      await passTime();
      ok((await retain(sql)).startsWith("2026-05: "));
    }
    // What has ended two workers comes last, one by one.
    for (let n = 0; n < 4; n++) await work();
    deepStrictEqual(Object.keys(await states("log_export")).filter((s) => s === "dead"), []);
    // A part at a time; one that is cut off has removed nothing.
    match(await retain(sql, 1), /^2026-05: removed \d+ log rows$/);
    await cutOff(sql, platform.urls.database);
    await eventually(async () =>
      strictEqual(await retain(sql, 1), "no month is past its retention")
    );
    deepStrictEqual(
      [...await sql`select month::text, state, log_count::int from billing.log_months`],
      [{ month: "2026-05-01", state: "removed", log_count: logs.length }],
    );
    strictEqual(
      (await sql`select from public.agent_usage_logs`).length,
      MAY_LOGS + 1 - logs.length,
    );

    // Every row is in the files, as it was.
    const exported = await exportedLines(world);
    await sql`create temporary table exported as
      select line from unnest(${exported}::text[]) line`;
    deepStrictEqual(exported.sort(), logs.sort());

    // The books stand, by every means there is of counting them anew.
    await sql`select _billing.recount_all()`;
    await sql`select billing.rebuild_usage()`;
    await sql`select billing.run_monthly('2026-09-02 09:00+00')`;
    deepStrictEqual(await records(sql), before);
    deepStrictEqual([...await sql`select * from billing.usage_discrepancies()`], []);
    deepStrictEqual([...await sql`select * from billing.check_invariants('2026-01-01')`], []);

    // An agent sends one of them again: it cannot be told from a new one, so it waits to be seen.
    await sql`insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp",
        metadata)
      select (line::jsonb ->> 'id')::uuid, 'SCHOLAR', 'claude-sonnet', 5000,
        (line::jsonb ->> 'timestamp')::timestamptz, '{"client_id": "acme"}'
      from unnest(${exported.slice(0, 1)}::text[]) line`;
    await sql`select _billing.rollup()`;
    deepStrictEqual(await records(sql), before);
    deepStrictEqual(
      [...await sql`select reason, rows::int from billing.quarantine_summary()`],
      [{ reason: "before_retention", rows: 1 }],
    );
  }));

/** Ends the connection of a step that has removed rows and waits to note it: it has done nothing. */
async function cutOff(sql: Sql, url: string): Promise<void> {
  const count = async () => (await sql`select from public.agent_usage_logs`).length;
  const before = await count();
  const step = postgres(url, { max: 1, onnotice: () => {} });
  const watcher = postgres(url, { max: 1 });
  await sql.begin(async (holder) => {
    await holder`select from billing.log_exports for update`;
    const killed = rejects(retain(step, 1));
    await eventually(async () => {
      const [found] = await watcher`select pg_terminate_backend(pid) from pg_stat_activity
        where wait_event_type = 'Lock' and query like '%apply_retention%'`;
      ok(found !== undefined, "the step does not wait yet");
    });
    await killed;
  });
  await Promise.all([step.end({ timeout: 1 }), watcher.end()]);
  strictEqual(await count(), before);
}
