import type { Sql, TransactionSql } from "postgres";
import { LOG_PIECE, type Migration, type Piece } from "./migrations.ts";

/** One step: run in a transaction of its own, which notes that it is done. */
export interface Step {
  readonly name: string;
  /** Returns what it has done. */
  readonly run: (sql: TransactionSql) => Promise<string>;
  /** Called before `run`, each time in a transaction of its own, until it returns false. */
  readonly before?: (sql: TransactionSql) => Promise<boolean>;
}

/** Blocks of the earlier log that are copied at once: some 20,000 rows. */
const BLOCKS_AT_ONCE = 500;
/** Logs that are counted at once. */
const ROWS_AT_ONCE = 200_000;

/** Everything that adoption does after the look, in its order. */
export function adoptionSteps(migrations: readonly Migration[]): Step[] {
  return [
    { name: "set aside", run: (sql) => call(sql, "set_aside") },
    ...migrations.flatMap(({ pieces }) => pieces.map(pieceStep)),
    { name: "clients", run: (sql) => call(sql, "take_clients") },
    { name: "terms", run: (sql) => call(sql, "take_terms") },
    { name: "history", run: (sql) => call(sql, "show_history") },
    { name: "numbers", run: (sql) => call(sql, "take_numbers") },
    { name: "stripe customers", run: (sql) => call(sql, "take_stripe_customers") },
    { name: "logs", before: copySome, run: rowsCopied },
    { name: "counted", before: countSome, run: () => Promise.resolve("all logs are counted") },
    { name: "migrations noted", run: (sql) => noteMigrations(sql, migrations) },
    { name: "jobs", run: startJobs },
  ];
}

/** A piece of a migration. That of the log takes the name over from the earlier one. */
function pieceStep({ name, sql: text }: Piece): Step {
  return {
    name: `schema ${name}`,
    run: async (sql) => {
      const isLog = name === LOG_PIECE;
      if (isLog) await sql`select billing_adoption.set_log_aside()`;
      await sql.unsafe(text).simple();
      await sql`select billing_adoption.note_made()`;
      if (isLog) await sql`select billing_adoption.join_logs()`;
      // Jobs begin when everything is there; the Data API learns of what is new.
      await sql`select billing_adoption.stop_jobs()`;
      await sql`notify pgrst, 'reload schema'`;
      return "made";
    },
  };
}

async function call(sql: TransactionSql, name: string): Promise<string> {
  const [row] = await sql.unsafe(`select billing_adoption.${name}() as outcome`);
  return String(row?.outcome);
}

async function copySome(sql: TransactionSql): Promise<boolean> {
  const [row] = await sql`select billing_adoption.copy_logs(${BLOCKS_AT_ONCE}) as is_more`;
  return row?.is_more === true;
}

/** As the job does, which may count at the same time. */
async function countSome(sql: TransactionSql): Promise<boolean> {
  const [row] = await sql`select _billing.rollup_step(${ROWS_AT_ONCE}) as logs`;
  return Number(row?.logs) > 0;
}

async function rowsCopied(sql: TransactionSql): Promise<string> {
  const [row] = await sql`select rows_taken from billing_adoption.copied`;
  return `${row?.rows_taken ?? 0} logs`;
}

/** As `supabase db push` does, so that it goes on from here. */
async function noteMigrations(
  sql: TransactionSql,
  migrations: readonly Migration[],
): Promise<string> {
  await sql.unsafe(`
    create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations (version text primary key);
    alter table supabase_migrations.schema_migrations add column if not exists statements text[];
    alter table supabase_migrations.schema_migrations add column if not exists name text;
  `).simple();
  for (const { version, name } of migrations) {
    await sql`insert into supabase_migrations.schema_migrations (version, name)
      values (${version}, ${name}) on conflict do nothing`;
  }
  return `${migrations.length} migrations`;
}

async function startJobs(sql: TransactionSql): Promise<string> {
  await sql`select _billing.schedule_jobs()`;
  const [row] = await sql`select count(*) as jobs from billing.jobs`;
  return `${row?.jobs ?? 0} jobs`;
}

/** What a test does at the end of a step, before it is committed. */
export type BeforeCommit = (step: string, sql: TransactionSql) => Promise<void>;

/** Runs the steps that are not done. */
export async function runSteps(
  sql: Sql,
  steps: readonly Step[],
  tell: (text: string) => void,
  beforeCommit: BeforeCommit = () => Promise.resolve(),
): Promise<void> {
  const done = new Set(
    (await sql<{ name: string }[]>`select name from billing_adoption.steps`)
      .map(({ name }) => name),
  );
  for (const { name, run, before } of steps) {
    if (done.has(name)) continue;
    while (before !== undefined) {
      const isMore = await inTransaction(sql, async (tx) => {
        const more = await before(tx);
        await beforeCommit(`${name}, a part`, tx);
        return more;
      });
      if (!isMore) break;
    }
    const outcome = await inTransaction(sql, async (tx) => {
      const result = await run(tx);
      await tx`insert into billing_adoption.steps (name, outcome) values (${name}, ${result})`;
      await beforeCommit(name, tx);
      return result;
    });
    if (!name.startsWith("schema ")) tell(`${name}: ${outcome}`);
  }
}

const TRIES = 120;

/**
 * A transaction that waits at most 400 ms for a lock, since inserts of agents queue behind it: it is
 * tried again later where it gets none. Throws every other error of the database.
 */
export async function inTransaction<Result>(
  sql: Sql,
  work: (sql: TransactionSql) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1;; attempt++) {
    const results: Result[] = [];
    try {
      await sql.begin(async (tx) => {
        await tx`set local lock_timeout = '400ms'`;
        await tx`set local statement_timeout = 0`;
        results.push(await work(tx));
      });
      const [result] = results;
      if (result === undefined) throw new Error("a transaction without a result");
      return result;
    } catch (error) {
      const isLocked = error instanceof Error && "code" in error &&
        (error.code === "55P03" || error.code === "40P01");
      if (!isLocked || attempt === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 1000));
    }
  }
}
