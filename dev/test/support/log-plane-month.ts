import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import { callWindows } from "../../../shared/client/call-windows.ts";
import type { LoggedCall } from "../../../shared/client/logged-call.ts";
import type { CitusCluster } from "./citus-cluster.ts";
import { seededRandom, uuidOf } from "./random.ts";

/** One call of the month, of any agent. */
type Call = Omit<LoggedCall, "agent"> & { readonly at: Date };

/** The three ways from calls to the books. Each has a client with the same terms. */
const WAYS = ["raw", "windows", "plane"] as const;
const MONTH = "2025-05";
const BATCH = 250;

/**
 * The same calls (a) as raw rows, (b) as windows that a logger sums, (c) through a Citus log plane
 * while a writer runs, a worker is killed, a shard is moved and calls come late. Fails unless all
 * three are billed alike. `tell` is told how far it is.
 */
export async function liveMonth(
  { billing, billingUrl, cluster, calls: count, tell = () => {} }: {
    readonly billing: Sql;
    readonly billingUrl: string;
    readonly cluster: CitusCluster;
    readonly calls: number;
    readonly tell?: (what: string) => void;
  },
): Promise<void> {
  const calls = callsOf(count);
  await seedClients(billing, billingUrl);
  await ingest(billing, calls.map((call, index) => event("raw", call, index)));
  await ingest(billing, windowsOf(calls));
  tell(`${count} calls as raw rows and as windows of the logger`);
  const plane = postgres(cluster.url, { max: 4, onnotice: () => {} });
  try {
    await connectPlane(plane, billingUrl);
    await runPlane(plane, cluster, calls, tell);
    await assertPushedOnce(plane, billing);
    await assertFaultsStopNoOther(plane, billing);
    await assertForgetsWhatIsEqual(plane);
  } finally {
    await plane.end({ timeout: 5 });
  }
  tell("equal to the log plane's raw calls");
  await assertBilledAlike(billing);
}

function callsOf(count: number): Call[] {
  const random = seededRandom("log plane");
  const start = Date.parse(`${MONTH}-01T00:00:00Z`);
  // Few days, so that windows have several calls; the last minutes of the month too.
  const days = [0, 3, 17, 30];
  return Array.from({ length: count }, () => {
    const cached = random.chance(40);
    const input = random.chance(1) ? 250_000 : random.below(4000);
    return {
      at: new Date(
        start + random.pick([days[0] ?? 0, ...days]) * 86_400_000 +
          (random.chance(70) ? random.below(600_000) : 86_400_000 - 1 - random.below(600_000)),
      ),
      model: random.pick(["claude-sonnet-4-20250514", "gpt-4o-mini", "gemini-1.5-pro"]),
      input_tokens: input,
      output_tokens: random.below(900),
      web_searches: random.below(3),
      total_cost: random.below(10_000) / 1e6,
      metadata: {
        request: String(random.below(1e6)),
        ...(cached ? { cache_read_tokens: random.below(3000) } : {}),
        ...(random.chance(10) ? { reasoning_tokens: random.below(1200) } : {}),
      },
      ...(random.chance(20) ? { other_features: { images: random.between(1, 4) } } : {}),
    };
  }).toSorted((a, b) => a.at.getTime() - b.at.getTime());
}

function event(way: string, { at, ...call }: Call, index: number): LoggedCall {
  return {
    id: uuidOf(`${way} ${index}`),
    agent: `${way} agent`,
    timestamp: at.toISOString(),
    ...call,
  };
}

/** What a logger with windows of a minute sends. */
function windowsOf(calls: readonly Call[]): LoggedCall[] {
  const windows = callWindows({ milliseconds: 60_000 });
  const rows = calls.flatMap(({ at, ...call }) =>
    windows.add({ agent: "windows agent", ...call }, at)
      // What is not summed has the time of the call.
      .map((row) => ({ timestamp: at.toISOString(), ...row }))
  );
  return [...rows, ...windows.close()].map((row, index) => ({
    ...row,
    id: uuidOf(`window ${index}`),
  }));
}

async function seedClients(sql: Sql, url: string): Promise<void> {
  for (const way of WAYS) {
    const [client] = await sql<{ id: string }[]>`
      insert into public.clients (name, external_id, started_on)
      values (${way}, ${way}, ${`${MONTH}-01`}) returning id`;
    await sql`insert into public.agent_assignments (agent, client_id)
      values (${`${way} agent`}, ${client?.id ?? null})`;
  }
  await sql`insert into public.prices (family, metric, unit_amount, per_units)
    select f, m, 0.02, 1 from unnest(array['claude-sonnet', 'gpt-4o-mini', 'gemini-1.5-pro']) f,
      unnest(array['images', 'web_searches', 'requests']) m`;
  await sql`insert into billing.usage_sources (id, window_length, login)
    values ('plane', '1 minute', 'log_plane')`;
  await sql`insert into billing.usage_source_agents (agent, source_id)
    values ('plane agent', 'plane')`;
  // As the runbook has it: a role that can push, compare and do nothing else.
  await sql`create role log_plane login password 'log plane' in role billing_source`;
  ok(url.includes("127.0.0.1"), "the role's password is for this machine alone");
}

async function ingest(sql: Sql, events: readonly LoggedCall[]): Promise<void> {
  for (let from = 0; from < events.length; from += 1000) {
    const rows = await sql<{ result: string; detail: string }[]>`
      select i.result, i.detail
      from billing.ingest_usage(${sql.json(events.slice(from, from + 1000))}) i
      where i.result <> 'inserted'`;
    deepStrictEqual([...rows], []);
  }
}

async function connectPlane(plane: Sql, billingUrl: string): Promise<void> {
  const { hostname, port, pathname } = new URL(billingUrl);
  await plane.unsafe(`create server billing foreign data wrapper dblink_fdw
    options (host '${hostname}', port '${port}', dbname '${pathname.slice(1)}')`);
  await plane`create user mapping for postgres server billing
    options (user 'log_plane', password 'log plane')`;
  await plane`insert into log_plane.settings (source) values ('plane')`;
}

/** Tries again until it gets through, as a writer or a job does: a worker may be down. */
async function persistently(act: () => Promise<unknown>): Promise<number> {
  for (let failures = 0;; failures += 1) {
    try {
      await act();
      return failures;
    } catch (error) {
      if (failures > 200) throw error;
      await setTimeout(50);
    }
  }
}

/** When all windows of the month are over. */
const AFTER = "2025-06-01 01:00+00";

async function pushAll(plane: Sql): Promise<void> {
  // Until no mark is left: marks that are not seen yet are of transactions that commit late.
  await persistently(async () => {
    await plane`call log_plane.roll_up(0, ${AFTER})`;
    await plane`call log_plane.push(0, 200)`;
    const [row] = await plane<{ marks: string }[]>`
      select count(*) as marks from log_plane.touched`;
    strictEqual(row?.marks, "0");
  });
}

async function runPlane(
  plane: Sql,
  cluster: CitusCluster,
  calls: readonly Call[],
  tell: (what: string) => void,
): Promise<void> {
  const events = calls.map((call, index) => event("plane", call, index));
  // Every seventh call comes when its window has been summed and pushed.
  const late = events.filter((_, index) => index % 7 === 0);
  const timely = events.filter((_, index) => index % 7 !== 0);
  let done = false;
  const failed = { writer: 0, jobs: 0 };
  const write = async (list: readonly LoggedCall[]) => {
    for (let from = 0; from < list.length; from += BATCH) {
      const batch = list.slice(from, from + BATCH);
      const store = () => plane`select log_plane.store_calls(${plane.json(batch)})`;
      failed.writer += await persistently(store);
      // An answer that was lost: the same again.
      if (from % (4 * BATCH) === 0) failed.writer += await persistently(store);
    }
  };
  const jobs = (async () => {
    while (!done) {
      failed.jobs += await persistently(() => plane`call log_plane.roll_up(0, ${AFTER})`);
      failed.jobs += await persistently(() => plane`call log_plane.push(0, 50)`);
    }
  })();
  const trouble = (async () => {
    await setTimeout(300);
    await cluster.crashWorker(0);
    tell("a worker was killed and started again");
    await moveShards(plane, cluster, 2);
    tell("two shards were moved");
    await cluster.crashWorker(1);
    tell("the other worker was killed and started again");
  })();
  await Promise.all([write(timely), trouble]);
  await pushAll(plane);
  const [first] = await plane<{ rows: string }[]>`select count(*) as rows from log_plane.windows`;
  await Promise.all([write(late), moveShards(plane, cluster, 2)]);
  done = true;
  await jobs;
  await pushAll(plane);
  const [last] = await plane<{ corrected: string }[]>`
    select count(*) filter (where version > 1) as corrected from log_plane.windows`;
  ok(Number(last?.corrected) > 0, "late calls corrected windows");
  tell(
    `${first?.rows} rows of windows, ${last?.corrected} corrected; tries that failed while a ` +
      `worker was down: ${failed.writer} of the writer, ${failed.jobs} of the jobs`,
  );
}

/** Moves shard groups of the calls from one worker to the other, beside the writer. */
async function moveShards(plane: Sql, { workerPorts }: CitusCluster, count: number) {
  const [from, to] = workerPorts;
  for (let moved = 0; moved < count; moved += 1) {
    await persistently(async () => {
      const [shard] = await plane<{ shardid: string; nodeport: number }[]>`
        select shardid, nodeport from citus_shards
        where table_name = 'log_plane.calls'::regclass order by nodeport = ${from} desc, shardid
        limit 1`;
      await plane`select citus_move_shard_placement(${shard?.shardid ?? null}::bigint,
        '127.0.0.1', ${shard?.nodeport ?? null}::integer, '127.0.0.1',
        ${shard?.nodeport === from ? to : from}::integer, 'force_logical')`;
    });
  }
}

async function differences(plane: Sql, from = `${MONTH}-01 00:00+00`): Promise<string | undefined> {
  const [row] = await plane<{ differences: string }[]>`
    call log_plane.compare(${from}, '2025-06-01 00:00+00', 0)`;
  return row?.differences;
}

async function assertPushedOnce(plane: Sql, billing: Sql): Promise<void> {
  strictEqual(await differences(plane), "0");
  deepStrictEqual([...await plane`select * from log_plane.problems`], []);
  const rows = () => billing`select count(*), sum(calls) from public.agent_usage_logs`;
  const before = await rows();
  // A coordinator that has forgotten what it has pushed.
  await plane`update log_plane.windows set pushed_version = 0, log_id = null`;
  await plane`call log_plane.push(0, 1000)`;
  deepStrictEqual([...await rows()], [...before]);
  strictEqual(await differences(plane), "0");
}

/** A window that is refused and one that fails, before all others: their problem is noted. */
async function assertFaultsStopNoOther(plane: Sql, billing: Sql): Promise<void> {
  await billing.unsafe(`
    create function public.fail() returns trigger language plpgsql as
      $$begin raise exception 'this row fails'; end$$;
    create trigger fail after insert on public.agent_usage_logs
      for each row when (new.input_tokens = 424242) execute function public.fail()`);
  const first = plane`(select w.window_start, w.key from log_plane.windows w
    order by w.window_start, w.key limit 2)`;
  await plane`create table log_plane.sums_before as
    select w.window_start, w.key, w.sums from log_plane.windows w
    where (w.window_start, w.key) in ${first}`;
  const state = (tokens: string) =>
    plane`update log_plane.windows w set version = w.version + 1, sums = w.sums
      || jsonb_build_object('input_tokens', ${plane.unsafe(tokens)})
    from log_plane.sums_before b where (w.window_start, w.key) = (b.window_start, b.key)`;
  await state(
    "case when b.key = (select min(x.key::text)::uuid from log_plane.sums_before x) " +
      "then -5 else 424242 end",
  );
  await plane`update log_plane.windows w set version = w.version + 1
    where (w.window_start, w.key) not in ${first}`;
  await plane`call log_plane.push(0, 10)`;
  const problems = await plane<{ problem: string }[]>`
    select left(p.problem, 8) as problem from log_plane.problems p order by 1`;
  deepStrictEqual(problems.map(({ problem }) => problem), ["failed: ", "invalid:"]);
  deepStrictEqual([
    ...await plane`
    select 1 from log_plane.windows w where w.pushed_version < w.version`,
  ], []);
  await rejects(
    async () => await plane`call log_plane.forget('2025-05-02 00:00+00')`,
    /have a problem/,
  );
  await state("(b.sums ->> 'input_tokens')::bigint");
  await plane`call log_plane.push(0, 1000)`;
  deepStrictEqual([...await plane`select * from log_plane.problems`], []);
  strictEqual(await differences(plane), "0");
  await billing`drop function public.fail() cascade`;
}

/** Calls go only once the billing plane has them, all of them. */
async function assertForgetsWhatIsEqual(plane: Sql): Promise<void> {
  const forget = async (before: string) => await plane`call log_plane.forget(${before})`;
  const pushed = (by: number) =>
    plane`update log_plane.windows w set pushed_version = w.pushed_version + ${by}
      where (w.window_start, w.key) in (select b.window_start, b.key from log_plane.sums_before b)`;
  await pushed(-1);
  await rejects(() => forget("2025-05-02 00:00+00"), /still to be summed or pushed/);
  await pushed(1);
  // A call that is there already leaves a mark; nothing has changed.
  const [call] = await plane<{ given: string }[]>`
    select jsonb_build_array(jsonb_build_object('id', c.id, 'timestamp', c.occurred_at,
      'agent', c.agent, 'model', c.model))::text as given
    from (select * from log_plane.calls order by occurred_at limit 1) c`;
  await plane`select log_plane.store_calls(${call?.given ?? null}::text::jsonb)`;
  await rejects(() => forget("2025-05-02 00:00+00"), /still to be summed or pushed/);
  await plane`call log_plane.roll_up(0, ${AFTER})`;
  // Equal from the 18th on: of the 4th nothing is known.
  await plane`update log_plane.settings set compared_until = '2025-05-02 00:00+00'`;
  strictEqual(await differences(plane, "2025-05-18 00:00+00"), "0");
  await rejects(() => forget("2025-05-05 00:00+00"), /have not been compared/);
  await forget("2025-05-02 00:00+00");
  const [left] = await plane<{ first: Date }[]>`
    select min(c.window_start) as first from log_plane.calls c`;
  strictEqual(left?.first.toISOString().slice(0, 10), "2025-05-04");
}

async function assertBilledAlike(billing: Sql): Promise<void> {
  await billing`select billing.run_monthly('2025-06-02 00:00+00')`;
  deepStrictEqual([...await billing`select * from billing.usage_discrepancies()`], []);
  const usage = (way: string) =>
    billing`select r.usage_day, r.model, r.metric, r.rate_class, r.quantity
      from public.usage_records r join public.clients c on c.id = r.client_id
      where c.name = ${way} order by 1, 2, 3, 4`;
  const lines = (way: string) =>
    billing`select l.position, l.description, l.quantity, l.unit_amount, l.amount_minor,
        i.total_minor, i.status
      from public.invoices i join public.clients c on c.id = i.client_id
      join public.invoice_lines l on l.invoice_id = i.id
      where c.name = ${way} order by l.position`;
  const expected = [...await lines("raw")];
  ok(expected.length > 10, "the month is billed");
  for (const way of ["windows", "plane"]) {
    deepStrictEqual([...await usage(way)], [...await usage("raw")], `usage of ${way}`);
    deepStrictEqual([...await lines(way)], expected, `lines of ${way}`);
  }
}
