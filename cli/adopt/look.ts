import type { TransactionSql } from "postgres";
import { type Migration, publicNames } from "./migrations.ts";

/** What there is before anything is done. */
export interface Found {
  readonly user: string;
  readonly version: number;
  readonly state: "new" | "begun" | "adopted" | "ours";
  /** The earlier log; null without one. */
  readonly log:
    | { readonly rows: number; readonly columns: string[]; readonly isUsage: boolean }
    | null;
  /** Rows of each other earlier table. */
  readonly tables: Readonly<Record<string, number>>;
  /** Why nothing can be done; empty where it can. */
  readonly obstacles: readonly string[];
  /** What changes for others and is not adoption's to decide. */
  readonly warnings: readonly string[];
}

const EARLIER = ["billing_clients", "billing_config", "billing_invoices", "billing_usage_records"];
const USAGE = ["agent", "model", "timestamp", "input_tokens", "output_tokens"];

/** Looks; changes nothing. */
export async function look(
  sql: TransactionSql,
  migrations: readonly Migration[],
  mayMoveOther: boolean,
): Promise<Found> {
  const [about] = await sql`
    select current_user as user, current_setting('server_version_num')::integer as version,
      to_regclass('billing_adoption.steps') is not null as begun,
      to_regclass('billing.error_codes') is not null as ours`;
  const state = about?.begun === true
    ? await isAdopted(sql) ? "adopted" : "begun"
    : about?.ours === true
    ? "ours"
    : "new";
  const log = await lookAtLog(sql);
  const tables: Record<string, number> = {};
  for (const name of EARLIER) {
    const [place] = await sql`select coalesce(to_regclass(${`billing_before.${name}`}),
      case when ${state !== "adopted"} then to_regclass(${`public.${name}`}) end)::text as place`;
    if (typeof place?.place !== "string") continue;
    const [count] = await sql.unsafe(`select count(*)::integer as rows from ${place.place}`);
    tables[name] = Number(count?.rows);
  }
  return {
    user: String(about?.user),
    version: Number(about?.version),
    state,
    log,
    tables,
    obstacles: state === "new" ? await obstacles(sql, migrations, log, mayMoveOther) : [],
    warnings: state === "new" && log !== null ? await warnings(sql) : [],
  };
}

async function isAdopted(sql: TransactionSql): Promise<boolean> {
  return (await sql`select from billing_adoption.steps where name = 'jobs'`).length > 0;
}

async function lookAtLog(sql: TransactionSql): Promise<Found["log"]> {
  const [place] = await sql`
    select c.oid, greatest(c.reltuples, 0)::float8 as rows,
      array_agg(a.attname::text order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped
    where c.oid = coalesce(to_regclass('billing_before.agent_usage_logs'),
      to_regclass('public.agent_usage_logs')) group by c.oid`;
  if (place === undefined) return null;
  const columns: string[] = place.columns;
  return {
    rows: Number(place.rows),
    columns,
    isUsage: USAGE.every((name) => columns.includes(name)),
  };
}

async function obstacles(
  sql: TransactionSql,
  migrations: readonly Migration[],
  log: Found["log"],
  mayMoveOther: boolean,
): Promise<string[]> {
  const found: string[] = [];
  if (log !== null && !log.isUsage && !mayMoveOther) {
    found.push(
      `public.agent_usage_logs is no log of usage (its columns: ${log.columns.join(", ")}). ` +
        "--move-other-log keeps it as billing_before.agent_operation_logs; it is never dropped",
    );
  }
  const moved = [...EARLIER, "agent_usage_logs"];
  const taken = await sql`select relname::text as name from pg_class
    where relnamespace = 'public'::regnamespace and relname = any (${
    publicNames(migrations).filter((name) => !moved.includes(name))
  }) order by 1`;
  for (const { name } of taken) {
    found.push(`public.${name} exists: rename it, its name is needed`);
  }
  const foreign = await sql`select c.relname::text as name, pg_get_userbyid(c.relowner) as owner
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname = any (${moved})
      and not pg_has_role(c.relowner, 'USAGE') order by 1`;
  for (const { name, owner } of foreign) {
    found.push(`public.${name} is owned by ${owner}: connect as a role that is a member of it`);
  }
  for (const schema of ["_billing", "billing_before"]) {
    if ((await sql`select to_regnamespace(${schema}) as there`)[0]?.there !== null) {
      found.push(`schema ${schema} exists and is not of adoption: rename it`);
    }
  }
  const extensions = await sql`select name from unnest(array['pg_cron', 'pg_net', 'btree_gist',
    'supabase_vault']) name where not exists (select from pg_available_extensions a
      where a.name = name.name)
    and not (name.name = 'supabase_vault' and to_regclass('vault.decrypted_secrets') is not null)`;
  for (const { name } of extensions) {
    found.push(`the extension ${name} is not available on this server`);
  }
  return found;
}

/** Triggers, references, publications and rights of the earlier log: the new one has its own. */
async function warnings(sql: TransactionSql): Promise<string[]> {
  const rows = await sql<{ text: string }[]>`
    with log as (select to_regclass('public.agent_usage_logs') as oid)
    select format('trigger %s of agent_usage_logs does not fire for new logs', t.tgname) as text
    from pg_trigger t, log where t.tgrelid = log.oid and not t.tgisinternal
    union all
    select format('%s refers to agent_usage_logs (%s): new logs are not among what it may name',
      c.conrelid::regclass, c.conname)
    from pg_constraint c, log where c.confrelid = log.oid
    union all
    select format('publication %s no longer publishes new logs', p.pubname)
    from pg_publication_rel r join pg_publication p on p.oid = r.prpubid, log
    where r.prrelid = log.oid
    union all
    select format('role %s may insert logs now and may not afterwards', a.grantee::regrole)
    from pg_class c cross join lateral aclexplode(c.relacl) a, log
    where c.oid = log.oid and a.privilege_type = 'INSERT' and a.grantee <> 0
      and a.grantee <> c.relowner
      and pg_get_userbyid(a.grantee) not in ('service_role', 'postgres', 'supabase_admin')`;
  return rows.map(({ text }) => text);
}
