import { env } from "node:process";
import { type Figure, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, type BenchDatabase, type Sql, withDatabase } from "./world.ts";

/** What one key sends without end: the columns of a row by its number `n`, in SQL. */
interface Flood {
  readonly key: string;
  readonly what: string;
  readonly agent: string;
  readonly model: string;
  readonly features: string;
  readonly metadata: string;
  readonly at: string;
}

const plain = {
  agent: "'HONEST'",
  model: "'claude-sonnet'",
  features: "'{}'::jsonb",
  metadata: "'{}'::jsonb",
  at: "timestamptz '2026-06-15 12:00+00'",
};

const FLOODS: readonly Flood[] = [
  { ...plain, key: "flood_agents", what: "distinct agents", agent: "'AGENT-' || n" },
  { ...plain, key: "flood_models", what: "distinct models", model: "'model-' || n" },
  {
    ...plain,
    key: "flood_features",
    what: "distinct feature keys",
    features: "jsonb_build_object('feature-' || n, 1)",
  },
  {
    ...plain,
    key: "flood_clients",
    what: "unknown clients",
    metadata: "jsonb_build_object('client_id', 'client-' || n)",
  },
  {
    ...plain,
    key: "flood_ancient",
    what: "ancient times",
    at: "timestamptz '1900-01-01' + n * interval '10 minutes'",
  },
  {
    ...plain,
    key: "flood_future",
    what: "future times",
    at: "timestamptz '2150-01-01' + n * interval '10 minutes'",
  },
  {
    ...plain,
    key: "flood_days",
    what: "distinct models on fifteen days",
    model: "'model-' || n",
    at: "timestamptz '2026-06-01 12:00+00' + n % 15 * interval '1 day'",
  },
];

export const FLOOD_KEYS = ["floods", ...FLOODS.map(({ key }) => key)];

/** Milliseconds that health, runs and lists may take beside a flood; messages that may go out. */
const READ_WITHIN = 1000;
/** Milliseconds of a statement that hosted Supabase lets a dashboard's user run. */
const DISMISS_WITHIN = 120_000;
const MESSAGES = 10;

/** `floods`: what one key can do to everybody. `FLOOD_ROWS` says how many rows each flood has. */
export async function measureFloods(
  { floodRows }: Sizes,
  tell: (figures: Figure[]) => void,
): Promise<void> {
  const rows = Number(env.FLOOD_ROWS ?? floodRows);
  for (const flood of FLOODS) {
    tell(await withDatabase((db) => measureFlood(db, flood, rows)));
  }
}

/** One flood, counted, read beside, told of and dismissed. */
export async function measureFlood(
  { sql }: BenchDatabase,
  flood: Flood,
  rows: number,
): Promise<Figure[]> {
  await addClients(sql, 1);
  await sql`insert into public.agent_assignments (agent, client_id) select 'HONEST', id from clients`;
  await sql`set billing.as_of = '2026-06-20 09:00+00'`;
  await addRows(sql, { ...plain, key: "", what: "" }, 1, 1000);
  await sql`select _billing.rollup()`;
  const before = await figures(sql);
  const counted: { readonly rows: number; readonly ms: number }[] = [];
  let sent = 0;
  for (const size of [rows / 100, rows / 10, rows].map(Math.round)) {
    await addRows(sql, flood, sent + 1, sent + size);
    sent += size;
    counted.push({ rows: size, ms: await timed(() => sql`select _billing.rollup()`) });
  }
  await sql`vacuum analyze`;
  const listed = await timed(() => sql`select billing.count_quarantine()`);
  const messages = await tellOperators(sql);
  const reads = await readAll(sql);
  const dismissed = await timed(() => sql.unsafe(DISMISS));
  // As the scheduled jobs do: many logs are not counted anew by the rollup, but in steps, and
  // health shows the last count of what waits.
  await sql`select _billing.rollup()`;
  await sql`call _billing.rebuild_in_steps()`;
  await sql`select billing.count_quarantine()`;
  const after = await figures(sql);
  const slowest = reads.reduce((one, other) => one.ms > other.ms ? one : other);
  return [{
    key: flood.key,
    what: `counting ${whole(rows)} rows of ${flood.what}`,
    floor: "the same for a tenth of them, by row",
    value: perRow(counted[2]) / perRow(counted[1]),
    unit: "×",
    target: { atMost: 2 },
    detail: counted.map(({ rows, ms }) => `${whole(ms)} ms for ${whole(rows)}`).join(", ") +
      `; counted for lists in ${whole(listed)} ms; slowest read ${slowest.what} ${
        whole(slowest.ms)
      } ms; ${messages} messages; ` +
      `dismissed in ${whole(dismissed)} ms`,
    also: [
      ...reads.map(({ what, ms }) => ({
        what: `${what} within a second`,
        holds: ms < READ_WITHIN,
      })),
      { what: `at most ${MESSAGES} messages`, holds: messages <= MESSAGES },
      { what: "dismissed within two minutes", holds: dismissed < DISMISS_WITHIN },
      { what: `no trace after dismissal: ${after}`, holds: after === before },
    ],
  }];
}

function perRow(counted?: { readonly rows: number; readonly ms: number }): number {
  return counted === undefined ? NaN : counted.ms / counted.rows;
}

/** All that the flood has brought: what waits for an owner or a time, and what has no price. */
const DISMISS = `select billing.dismiss_quarantined('a flood', before => 'infinity'),
  billing.dismiss_unpriced('a flood')`;

async function addRows(sql: Sql, flood: Flood, from: number, to: number): Promise<void> {
  await sql.unsafe(`
    insert into public.agent_usage_logs (agent, model, input_tokens, other_features, metadata,
      "timestamp", created_at)
    select ${flood.agent}, ${flood.model}, 1, ${flood.features}, ${flood.metadata}, ${flood.at},
      '2026-06-16' from generate_series(${from}::int, ${to}::int) n`);
}

/** Messages to operators of a day and of a month's run. */
async function tellOperators(sql: Sql): Promise<number> {
  await sql`select billing.queue_usage_alerts('2026-06-20 09:00+00')`;
  await sql`select billing.run_monthly('2026-06-20 09:00+00')`;
  const [row] = await sql<{ messages: number }[]>`
    select count(*)::int as messages from public.deliveries where event in ('notice', 'run')`;
  return row?.messages ?? 0;
}

/** What people and machines read whole, each with its milliseconds. */
async function readAll(sql: Sql): Promise<{ readonly what: string; readonly ms: number }[]> {
  const reads: Readonly<Record<string, string>> = {
    health: "select * from billing.health",
    runs: "select to_jsonb(r) from billing.monthly_runs r order by id desc limit 51",
    quarantine: "select * from billing.quarantine_summary()",
    "list of quarantine": LIST,
    "list of what has no price": UNPRICED,
    invoices: "select * from public.invoices order by id desc limit 51",
  };
  const found = [];
  for (const [what, statement] of Object.entries(reads)) {
    found.push({ what, ms: await timed(() => sql.unsafe(statement)) });
  }
  return found;
}

/** As the API asks for a page of it. */
const LIST = "select to_jsonb(q) from billing.list_quarantine(51) q";
const UNPRICED = "select to_jsonb(q) from billing.list_quarantine(51, 'unpriced_usage') q";

/** What is billed and what waits, in one line. */
async function figures(sql: Sql): Promise<string> {
  const [row] = await sql<{ line: string }[]>`
    select (select count(*) || ' records, ' || coalesce(sum(quantity), 0) from public.usage_records)
      || '; ' || (select count(*) from billing.quarantine) || ' in quarantine; health '
      || (select state from billing.health where part = 'quarantine') as line`;
  return row?.line ?? "";
}
