import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres, { type Sql } from "postgres";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { usageLogger } from "../../../shared/client/usage-logger.ts";
import type { Platform } from "../../platform/platform.ts";
import type { CitusCluster } from "../support/citus-cluster.ts";
import { callsOf, eventOf, idOf, inBatches, MONTH, ODD_CALLS } from "./calls.ts";
import {
  assertBilledAlike,
  assertFaultsStopNoOther,
  assertForgetsWhatIsEqual,
  assertPushedOnce,
  assertQuarantinedAlike,
} from "./checks.ts";
import { connectPlane, paceOf, runPlane } from "./plane.ts";

/** The three ways from calls to the books. Each has a client with the same terms. */
const WAYS = ["raw", "windows", "plane"] as const;
/** Connections by which raw rows come. */
const WRITERS = 2;

/**
 * The same calls (a) as raw rows, (b) by a logger that sums windows and posts them to
 * `ingest-usage`, (c) through a Citus log plane beside writers, while workers are killed, shards are
 * moved and calls come late. Fails unless all three are billed alike. `tell` is told how far it is.
 */
export async function liveMonth(
  { platform, cluster, calls, tell = () => {} }: {
    readonly platform: Pick<Platform, "urls" | "keys">;
    readonly cluster: CitusCluster;
    readonly calls: number;
    readonly tell?: (what: string) => void;
  },
): Promise<void> {
  const billing = postgres(platform.urls.database, {
    max: WRITERS,
    onnotice: () => {},
    // Of millions of calls a step may take longer than a hosted statement; jobs there do it in many.
    connection: { statement_timeout: 0 },
  });
  const plane = postgres(cluster.url, { max: 4, onnotice: () => {} });
  try {
    await seedClients(billing, platform.urls.database);
    await ingestRaw(billing, calls);
    tell(`${calls} calls as raw rows`);
    tell(`${await logWindows(platform, billing, calls)} rows by a logger with windows`);
    await countAll(billing);
    tell("both are counted");
    await connectPlane(plane, platform.urls.database);
    await runPlane(plane, cluster, { ...paceOf(calls), calls, tell });
    await assertPushedOnce(plane, billing);
    tell("pushed again nothing changes; equal to the log plane's raw calls");
    await countAll(billing);
    await assertQuarantinedAlike(billing);
    await assertFaultsStopNoOther(plane, billing);
    tell("faults stop no other window");
    await assertForgetsWhatIsEqual(plane);
    tell("calls go once they are equal");
    await countAll(billing);
    // Clients wait for what is rebuilt as a job; much is, of millions of calls.
    await billing`call _billing.rebuild_in_steps('30 minutes')`;
    await assertBilledAlike(billing, WAYS);
  } finally {
    await plane.end({ timeout: 5 });
    await billing.end({ timeout: 5 });
  }
}

/** Counts until nothing is left: a rollup ends after a time, and the next one goes on. */
async function countAll(billing: Sql): Promise<void> {
  for (let due = true; due;) {
    await billing`call _billing.rollup_in_steps()`;
    const [row] = await billing<{ due: boolean }[]>`select _billing.rollup_is_due() as due`;
    due = row?.due ?? false;
  }
}

async function seedClients(sql: Sql, url: string): Promise<void> {
  for (const way of WAYS) {
    const [client] = await sql<{ id: string }[]>`
      insert into public.clients (name, external_id, started_on)
      values ('The month', ${way}, ${`${MONTH}-01`}) returning id`;
    await sql`insert into public.agent_assignments (agent, client_id)
      values (${`${way} agent`}, ${client?.id ?? null})`;
  }
  await sql`insert into public.prices (family, metric, unit_amount, per_units)
    select f, m, 0.02, 1 from unnest(array['claude-sonnet', 'gpt-4o-mini', 'gemini-1.5-pro']) f,
      unnest(array['images', 'web_searches', 'requests']) m`;
  // Of millions of calls totals are above what is issued without a person's consent.
  await sql`delete from public.hold_limits`;
  await sql`insert into billing.usage_sources (id, window_length, login)
    values ('plane', '1 minute', 'log_plane')`;
  await sql`insert into billing.usage_source_agents (agent, source_id)
    values ('plane agent', 'plane')`;
  // As the runbook has it: a role that can push, compare and do nothing else.
  await sql`create role log_plane login password 'log plane' in role billing_source`;
  ok(url.includes("127.0.0.1"), "the role's password is for this machine alone");
}

async function ingestRaw(sql: Sql, calls: number): Promise<void> {
  const events = function* () {
    let index = 0;
    for (const call of callsOf(calls)) {
      yield eventOf("raw", call, index);
      index += 1;
    }
    for (const call of ODD_CALLS) {
      yield { id: idOf("raw", index), agent: "raw agent", ...call };
      index += 1;
    }
  };
  const batches = inBatches(events(), 1000);
  await Promise.all(Array.from({ length: WRITERS }, async () => {
    for (let next = batches.next(); !next.done; next = batches.next()) {
      const text = JSON.stringify(next.value);
      const rows = await sql<{ result: string; detail: string }[]>`
        select i.result, i.detail from billing.ingest_usage(${text}::text::jsonb) i
        where i.result <> 'inserted'`;
      deepStrictEqual([...rows], []);
    }
  }));
}

/** The logger as an agent has it, by a clock that says when each call is made. Returns its rows. */
async function logWindows(
  { urls, keys }: Pick<Platform, "urls" | "keys">,
  billing: Sql,
  calls: number,
): Promise<string> {
  let now = new Date(0);
  const lost: string[] = [];
  const logger = usageLogger({
    billing: billingClient(createClient(urls.api, keys.agentSecret)),
    now: () => now,
    after: () => () => {},
  }, {
    window: { milliseconds: 60_000 },
    batchSize: 1000,
    maxBuffered: 100_000,
    onDropped: () => lost.push("dropped"),
    onFailed: ({ title, detail }) => lost.push(`${title}: ${detail}`),
    onRejected: (_, result, reasons) => lost.push(`${result}: ${reasons.join(", ")}`),
  });
  let waiting = 0;
  for (const { at, ...call } of callsOf(calls)) {
    now = at;
    ok(logger.log({ agent: "windows agent", ...call }));
    // As time would: the logger sends while its agent does other things.
    if ((waiting += 1) % 4000 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  strictEqual(await logger.close(), 0);
  deepStrictEqual(lost, []);
  return await countRows(billing);
}

async function countRows(billing: Sql): Promise<string> {
  // What the logger refuses to send is told by its own tests; the same sums come by SQL here.
  const odd = ODD_CALLS.map((call, index) => ({
    id: idOf("windows", index),
    agent: "windows agent",
    ...call,
  }));
  await billing`select * from billing.ingest_usage(${JSON.stringify(odd)}::text::jsonb)`;
  const [row] = await billing<{ rows: string }[]>`
    select count(*) as rows from public.agent_usage_logs where agent = 'windows agent'`;
  return row?.rows ?? "no";
}
