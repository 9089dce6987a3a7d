import postgres from "postgres";
import { startGuard } from "../platform/guard.ts";
import { applyMigrations } from "../platform/migrations.ts";
import { startPostgres } from "../platform/postgres.ts";

export type Sql = postgres.Sql;

/** A fresh, migrated database for one group of measurements. */
export interface BenchDatabase {
  /** One connection as the owner of the schema. */
  readonly sql: Sql;
  /** Opens a further connection. */
  connect(): Sql;
  /** The superuser's address. */
  readonly adminUrl: string;
}

/** Starts a throw-away database, measures, and removes it. */
export async function withDatabase<T>(measure: (db: BenchDatabase) => Promise<T>): Promise<T> {
  const guard = startGuard();
  const server = await startPostgres({ engine: "embedded", port: 0, durable: false, guard });
  const open: Sql[] = [];
  const connect = () => {
    const sql = openSql(server.databaseUrl);
    open.push(sql);
    return sql;
  };
  try {
    await applyMigrations(server.databaseUrl);
    return await measure({ sql: connect(), connect, adminUrl: server.adminUrl });
  } finally {
    await Promise.all(open.map((sql) => sql.end({ timeout: 1 })));
    await server.stop();
    await guard.stop();
  }
}

/** Milliseconds. */
const HOUR = 3_600_000;

/** One connection that takes its time; its answers are left out. */
export function openSql(url: string): Sql {
  return postgres(url, { max: 1, onnotice: () => {}, connection: { statement_timeout: HOUR } });
}

/** Clients `Client 00001` …, served from June 2026 on; their ids follow from their number. */
export async function addClients(sql: Sql, count: number): Promise<void> {
  await sql`
    insert into public.clients (id, name, started_on)
    select ${sql.unsafe(idOf("n"))}, 'Client ' || lpad(n::text, 6, '0'), '2026-06-01'
    from generate_series(1, ${count}::int) n`;
}

/** SQL: the id of the client of this number, as a uuid of version 4 is shaped. */
function idOf(number: string): string {
  return `overlay(overlay(md5('client ' || (${number})) placing '4' from 13) placing '8' from 17)::uuid`;
}

/** The id of a client by its number. */
export async function clientId(sql: Sql, number: number): Promise<string> {
  const [row] = await sql<{ id: string }[]>`
    select ${sql.unsafe(idOf(number.toString()))} as id`;
  if (row === undefined) throw new Error("no id");
  return row.id;
}

/**
 * Log rows of June 2026: four models, every tenth with a feature, spread over clients, agents and
 * days, each naming its client in its metadata. `copies` logs the same calls so often: more logs,
 * the same usage keys.
 */
export async function addLogs(sql: Sql, rows: number, clients: number, copies = 1): Promise<void> {
  await addSomeLogs(sql, 0, rows, clients, copies);
}

/** The same, by two connections at once: for millions. */
export async function addManyLogs(
  db: BenchDatabase,
  rows: number,
  clients: number,
  copies = 1,
): Promise<void> {
  const half = Math.ceil(rows / 2);
  await Promise.all([
    addSomeLogs(db.connect(), 0, half, clients, copies),
    addSomeLogs(db.connect(), half, rows, clients, copies),
  ]);
}

async function addSomeLogs(
  sql: Sql,
  first: number,
  end: number,
  clients: number,
  copies: number,
): Promise<void> {
  await sql`
    insert into public.agent_usage_logs (agent, endpoint, model, input_tokens, output_tokens,
      web_searches, other_features, input_cost, output_cost, total_cost, metadata, "timestamp")
    select 'AGENT-' || n % 50, 'deep-research',
      (array['claude-sonnet-4-20250514', 'claude-opus-4-20250514', 'gpt-4o', 'claude-haiku'])
        [1 + (n / ${clients}::int) % 4],
      1000 + n % 5000, n % 2000, n % 3,
      case when n % 10 = 0 then '{"pdf_processing": 3}'::jsonb else '{}' end,
      0.0036, 0.00525, 0.00885,
      jsonb_build_object('client_id', ${sql.unsafe(idOf(`1 + n % ${clients}`))}),
      '2026-06-01 05:00+00'::timestamptz + ((n / ${clients}::int) * 7 % 28) * interval '1 day'
        + n % 3600 * interval '1 second'
    from generate_series(${first}::int, ${end}::int - 1) n, generate_series(1, ${copies}::int)`;
}

/** Counts what has been logged and brings the statistics up to date, as time would. */
export async function settle(sql: Sql): Promise<void> {
  await sql`select _billing.rollup()`;
  await sql`vacuum analyze`;
}
