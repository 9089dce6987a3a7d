import { join } from "node:path";
import type { Sql, TransactionSql } from "postgres";
import { type Found, look } from "./look.ts";
import type { Migration } from "./migrations.ts";
import { describeFound, describePlan, describeResult } from "./report.ts";
import { adoptionSteps, type BeforeCommit, inTransaction, runSteps } from "./steps.ts";

/** What was asked for on the command line. */
export interface AdoptOptions {
  readonly cutOver: string | null;
  /** Cut-over days of single clients, by their earlier id. */
  readonly cutOvers: Readonly<Record<string, string>>;
  readonly logsFrom: string | null;
  readonly isLive: boolean;
  readonly moveOtherLog: boolean;
}

/** What adoption is given from outside. */
export interface AdoptPorts {
  readonly sql: Sql;
  readonly migrations: readonly Migration[];
  readonly out: (text: string) => void;
  readonly beforeCommit?: BeforeCommit;
}

/** Adoption cannot be done, or not undone; the message says why. */
export class AdoptionRefused extends Error {}

const SQL_FOLDER = join(import.meta.dirname ?? ".", "sql");

/** Looks, and says what would be done. Everything is rolled back. */
export async function dryRun(options: AdoptOptions, ports: AdoptPorts): Promise<void> {
  const undo = new Error("rolled back");
  await ports.sql.begin(async (tx) => {
    const found = await look(tx, ports.migrations, options.moveOtherLog);
    ports.out(describeFound(found));
    if (found.state === "adopted" || found.state === "ours" || found.obstacles.length > 0) {
      throw undo;
    }
    await install(tx);
    await makePlan(tx, options);
    ports.out(await describePlan(tx));
    ports.out("Nothing was changed. --apply does it.");
    throw undo;
  }).catch((error: unknown) => {
    if (error !== undo) throw error;
  });
}

/** Adopts the database, or goes on where an earlier call has stopped. */
export async function apply(options: AdoptOptions, ports: AdoptPorts): Promise<void> {
  const { sql, migrations, out } = ports;
  await claim(sql);
  const found = await begin(sql, (tx) => look(tx, migrations, options.moveOtherLog));
  if (found.state === "adopted") {
    out("This database is adopted already: there is nothing to do.");
    return;
  }
  refuseWhere(found);
  await inTransaction(sql, async (tx) => {
    await install(tx);
    await makePlan(tx, options);
    await refuseDays(tx);
    return true;
  });
  await runSteps(sql, adoptionSteps(migrations), out, ports.beforeCommit);
  out(await begin(sql, (tx) => describeResult(tx)));
}

/** A cut-over day that would bill a month again, or is of a client that there is not. */
async function refuseDays(tx: TransactionSql): Promise<void> {
  const [wrong] = await tx`select old_id, problem from billing_adoption.read_clients()
      where problem like 'its cut-over day %'
    union all select o.old_id, 'no earlier client has this id' from billing_adoption.cut_overs o
    where not exists (select from billing_adoption.read_clients() c where c.old_id = o.old_id)
    limit 1`;
  if (wrong !== undefined) throw new AdoptionRefused(`client ${wrong.old_id}: ${wrong.problem}`);
}

/** One at a time, until the session ends; one that was killed may need a moment to be gone. */
async function claim(sql: Sql): Promise<void> {
  for (let tries = 0; tries < 10; tries++) {
    const [row] = await sql`
      select pg_try_advisory_lock(hashtextextended('billing_adoption', 0)) as is_free`;
    if (row?.is_free === true) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new AdoptionRefused("another adoption is at work in this database");
}

function refuseWhere({ state, obstacles }: Found): void {
  if (state === "ours") {
    throw new AdoptionRefused(
      "LeverEdge Billing is in this database already, and was not put there by adoption",
    );
  }
  if (obstacles.length > 0) throw new AdoptionRefused(obstacles.join("\n"));
}

/** The way back. Throws where there is none any more. */
export async function undo(ports: AdoptPorts): Promise<void> {
  const { sql, migrations, out, beforeCommit = () => Promise.resolve() } = ports;
  const [about] = await sql`select to_regclass('billing_adoption.steps') is not null as begun`;
  if (about?.begun !== true) {
    out("This database was not adopted: there is nothing to undo.");
    return;
  }
  await claim(sql);
  const since = await inTransaction(sql, async (tx) => {
    await install(tx);
    const [refusal] = await tx`select billing_adoption.why_no_way_back() as why`;
    if (refusal?.why !== null) throw new AdoptionRefused(`no way back: ${String(refusal?.why)}`);
    const [stopped] = await tx`select billing_adoption.stop_jobs() as outcome,
      pg_snapshot_xmin(pg_current_snapshot())::text as since`;
    out(String(stopped?.outcome));
    await beforeCommit("jobs stopped", tx);
    return String(stopped?.since);
  });
  // What was logged until now without a lock, then the rest while nobody can insert.
  const before = await inTransaction(sql, async (tx) => {
    const [row] = await tx`select billing_adoption.return_logs('0') as logs`;
    await beforeCommit("logs returned", tx);
    return Number(row?.logs);
  });
  const rest = await inTransaction(sql, async (tx) => {
    const [row] = await tx`select billing_adoption.switch_log_back(${since}::xid8) as logs`;
    await tx`notify pgrst, 'reload schema'`;
    await beforeCommit("log switched back", tx);
    return Number(row?.logs);
  });
  out(`${before + rest} logs that came since are in the earlier log`);
  await inTransaction(sql, async (tx) => {
    await tx`select billing_adoption.drop_made()`;
    await forgetMigrations(tx, migrations);
    await tx.unsafe("drop schema billing_adoption cascade");
    await tx`notify pgrst, 'reload schema'`;
    await beforeCommit("dropped", tx);
    return true;
  });
  out("Everything is as it was. The role billing_agent and the extensions stay.");
}

/** The CLI's notes of our migrations; its table too, where it holds nothing else. */
async function forgetMigrations(tx: TransactionSql, migrations: readonly Migration[]) {
  const [noted] = await tx`select to_regclass('supabase_migrations.schema_migrations') as place`;
  if (noted?.place === null) return;
  await tx`delete from supabase_migrations.schema_migrations
    where version = any (${migrations.map(({ version }) => version)})`;
  const others = await tx`select from supabase_migrations.schema_migrations limit 1`;
  const tables = await tx`select from pg_class
    where relnamespace = 'supabase_migrations'::regnamespace and relkind = 'r' limit 2`;
  if (others.length === 0 && tables.length === 1) {
    await tx.unsafe("drop schema supabase_migrations cascade");
  }
}

/** A read that is one transaction. */
async function begin<Result>(sql: Sql, work: (tx: TransactionSql) => Promise<Result>) {
  const results: Result[] = [];
  await sql.begin("read only", async (tx) => {
    results.push(await work(tx));
  });
  const [result] = results;
  if (result === undefined) throw new Error("a transaction without a result");
  return result;
}

/** The functions of adoption, in their own schema. */
async function install(tx: TransactionSql): Promise<void> {
  // Some speak of tables that the migrations will make.
  await tx`set local check_function_bodies = off`;
  const files = (await Array.fromAsync(Deno.readDir(SQL_FOLDER))).map(({ name }) => name).sort();
  for (const file of files) {
    await tx.unsafe(await Deno.readTextFile(join(SQL_FOLDER, file))).simple();
  }
  await tx`revoke all on all routines in schema billing_adoption from public`;
}

/** Keeps what the first --apply was asked for. Throws where a later one asks for something else. */
async function makePlan(tx: TransactionSql, options: AdoptOptions): Promise<void> {
  const wanted = {
    cut_over: options.cutOver,
    logs_from: options.logsFrom,
    is_live: options.isLive,
  };
  const [kept] = await tx`select cut_over::text, logs_from::text, is_live
    from billing_adoption.plan`;
  const isNew = kept === undefined;
  if (isNew) {
    await tx`insert into billing_adoption.plan ${tx(wanted)}`;
    for (const [oldId, day] of Object.entries(options.cutOvers)) {
      await tx`insert into billing_adoption.cut_overs (old_id, first_day) values (${oldId}, ${day})`;
    }
    if ((await tx`select to_regclass('cron.job') as t`)[0]?.t !== null) {
      await tx`insert into billing_adoption.jobs_before select jobname from cron.job
        where jobname is not null on conflict do nothing`;
    }
    return;
  }
  const asked = options.cutOver !== null || options.logsFrom !== null ||
    Object.keys(options.cutOvers).length > 0;
  const days = Object.fromEntries(
    (await tx`select old_id, first_day::text from billing_adoption.cut_overs`)
      .map(({ old_id, first_day }) => [String(old_id), String(first_day)]),
  );
  const isSame = JSON.stringify([kept.cut_over, kept.logs_from, kept.is_live]) ===
      JSON.stringify([wanted.cut_over, wanted.logs_from, wanted.is_live]) &&
    JSON.stringify(days) === JSON.stringify(options.cutOvers);
  if (asked && !isSame) {
    throw new AdoptionRefused(
      "adoption has begun with other days; leave them out to go on, or --undo first",
    );
  }
}
