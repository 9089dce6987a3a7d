import { join } from "node:path";
import postgres, { type Sql, type TransactionSql } from "postgres";
import { type AdoptOptions, apply, dryRun, undo } from "../../../cli/adopt/adopt.ts";
import { readMigrations } from "../../../cli/adopt/migrations.ts";
import type { BeforeCommit } from "../../../cli/adopt/steps.ts";
import { startGuard } from "../../platform/guard.ts";
import { type RunningPostgres, startPostgres } from "../../platform/postgres.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { platform } from "./platform-env.ts";

/** Adoption without any option. */
export const PLAIN: AdoptOptions = {
  cutOver: null,
  cutOvers: {},
  logsFrom: null,
  isLive: true,
  moveOtherLog: false,
};
const migrations = await readMigrations(join(repositoryRoot, "supabase", "migrations"));

/** A server of its own, and adoption on it. */
export interface Server {
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

/** Starts a server for `test`, and ends it with all sessions. */
export async function withServer(test: (server: Server) => Promise<void>): Promise<void> {
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
export async function picture(sql: Sql): Promise<string> {
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

/** How often this transaction has read all of the earlier log, which has its name again. */
export async function scansOfEarlierLog(tx: TransactionSql) {
  return await tx`select seq_scan::integer as scans from pg_stat_xact_all_tables
    where relid = 'public.agent_usage_logs'::regclass`;
}
