import { join } from "node:path";
import type { Sql } from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { applyMigrations } from "../../platform/migrations.ts";
import { startPostgres } from "../../platform/postgres.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { describeSchema } from "../schema/dump.ts";
import { describeRows } from "../schema/rows.ts";
import type { Release } from "./release.ts";

/**
 * What an issued invoice says, and how it stands; credit and debts of clients, and what their
 * accounts and statements say: no migration may change any of it.
 */
const BOOKS = `
  select i.number, i.status, i.total_minor::text, i.amount_due_minor::text, i.document::text
  from public.invoices i where i.status <> 'draft'
  union all
  select n.number, 'credited', n.total_minor::text, n.to_balance_minor::text, null
  from public.credit_notes n
  union all
  select c.name, 'usage', r.metric, sum(r.quantity)::text, null
  from public.usage_records r join public.clients c on c.id = r.client_id group by 1, 3
  union all
  select c.name, 'balance', b.currency, b.credit_minor::text, b.due_minor::text
  from public.clients c cross join lateral billing.client_balance(c.id) b
  union all
  select c.name, 'credit at ' || d.at, g.currency, g.amount_minor::text, null
  from public.clients c
  cross join (values ('2026-06-10'), ('2026-07-01'), ('2026-07-31'), ('2026-08-02'),
    ('2027-01-01')) d(at)
  cross join lateral billing.granted_credit(c.id, d.at::timestamptz) g
  union all
  select c.name, 'live balance at ' || d.at, b.currency,
    concat_ws(' ', b.balance_minor, b.granted_minor, b.uninvoiced_minor), b.live_minor::text
  from public.clients c
  cross join (values ('2026-06-10'), ('2026-07-09'), ('2026-09-02')) d(at)
  cross join lateral billing.credit_balance(c.id, d.at::timestamptz) b
  union all
  select c.name, 'statement', s.entry || ' ' || s.at, s.amount_minor::text, s.balance_minor::text
  from public.clients c cross join lateral billing.statement(c.id, 2026) s
  union all
  select c.name, 'account', concat_ws(' ', a.kind, a.processor, a.currency),
    sum(e.amount_minor)::text, count(*)::text
  from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
  join public.clients c on c.id = a.client_id
  group by 1, 3
  order by 1, 2, 3, 4`;

/** Builds the schema of a release in an empty database and lives its month there. */
export async function buildRelease(
  release: Release,
  sql: Sql,
  databaseUrl: string,
): Promise<void> {
  await withCheckout(Object.keys(release.migrations), {}, async (checkout) => {
    await applyMigrations(databaseUrl, checkout);
  });
  await sql.unsafe(release.world).simple();
}

/** The objects that those migrations, by file name, make of an empty database. */
export async function describeMigrations(
  migrations: Readonly<Record<string, string>>,
): Promise<string> {
  return await withBuild(migrations, describeSchema);
}

/** The same with the rows that they insert: prices, kinds, codes, settings. */
export async function describeBuild(migrations: Readonly<Record<string, string>>): Promise<string> {
  return await withBuild(
    migrations,
    async (url) => await describeSchema(url) + await describeRows(url),
  );
}

async function withBuild(
  migrations: Readonly<Record<string, string>>,
  describe: (databaseUrl: string) => Promise<string>,
): Promise<string> {
  const guard = startGuard();
  try {
    const server = await startPostgres({ engine: "embedded", port: 0, durable: false, guard });
    try {
      await withCheckout(
        [],
        migrations,
        (checkout) => applyMigrations(server.databaseUrl, checkout),
      );
      return await describe(server.databaseUrl);
    } finally {
      await server.stop();
    }
  } finally {
    await guard.stop();
  }
}

/**
 * Applies what came after the release, `more` migrations by file name included, and bills the next
 * month. Returns what is wrong then: nothing, where the upgrade is good.
 */
export async function upgrade(
  files: readonly string[],
  more: Readonly<Record<string, string>>,
  sql: Sql,
  databaseUrl: string,
): Promise<string[]> {
  const before = await sql.unsafe(BOOKS);
  try {
    await withCheckout(files, more, (checkout) => applyMigrations(databaseUrl, checkout));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  const after = new Set((await sql.unsafe(BOOKS)).map((row) => JSON.stringify(row)));
  const changed = before.filter((row) => !after.has(JSON.stringify(row)));
  const faults = [
    ...changed.map(({ number, status }) => `${number} (${status}) is not what it was`),
    ...await violations(sql),
  ];
  if (faults.length > 0) return faults;
  await sql`select billing.run_monthly('2026-08-01 09:00+00')`;
  const [run] = await sql<{ invoices: number }[]>`
    select count(*)::int as invoices from public.invoices
    where period_start = '2026-07-01' and status = 'open'`;
  return run?.invoices === 0 ? ["the next month has no invoice"] : await violations(sql);
}

async function violations(sql: Sql): Promise<string[]> {
  const rows = await sql<{ told: string }[]>`
    select concat_ws(' ', v.invariant, v.subject, v.detail) as told
    from billing.check_invariants('2026-06-01') v
    union all
    select concat_ws(' ', 'logged', d.logged, 'recorded', d.recorded, d.metric, d.usage_day)
    from billing.usage_discrepancies() d`;
  return rows.map(({ told }) => told);
}

/** A folder with those migrations, and `more`, as the Supabase CLI wants it. */
async function withCheckout(
  files: readonly string[],
  more: Readonly<Record<string, string>>,
  use: (checkout: string) => Promise<void>,
): Promise<void> {
  const checkout = await Deno.makeTempDir({ prefix: "leveredge-checkout-" });
  const from = join(repositoryRoot, "supabase");
  const to = join(checkout, "supabase");
  try {
    await Deno.mkdir(join(to, "migrations"), { recursive: true });
    await Deno.copyFile(join(from, "config.toml"), join(to, "config.toml"));
    for (const file of files) {
      await Deno.copyFile(join(from, "migrations", file), join(to, "migrations", file));
    }
    for (const [file, text] of Object.entries(more)) {
      await Deno.writeTextFile(join(to, "migrations", file), text);
    }
    await use(checkout);
  } finally {
    await Deno.remove(checkout, { recursive: true });
  }
}
