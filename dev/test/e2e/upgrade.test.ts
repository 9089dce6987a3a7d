import { deepStrictEqual, match } from "node:assert/strict";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { startGuard } from "../../platform/guard.ts";
import { startPostgres } from "../../platform/postgres.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import {
  currentRelease,
  editedMigrations,
  recordedReleases,
  type Release,
} from "../../tools/upgrade/release.ts";
import { schemaDifferences } from "../../tools/schema/dump.ts";
import { draftOf, nextMigration } from "../../tools/schema/next.ts";
import { migrationOf, readSources } from "../../tools/schema/rooms.ts";
import { missing } from "../../tools/upgrade/missing.ts";
import {
  buildRelease,
  describeBuild,
  describeMigrations,
  upgrade,
} from "../../tools/upgrade/upgrade.ts";
import { platform } from "../support/platform-env.ts";

const current = await currentRelease("0.0.0");
const files = Object.keys(current.migrations);

/** Runs `test` on a database in which a release has lived its month. */
async function withRelease(
  release: Release,
  test: (sql: Sql, url: string) => Promise<void>,
): Promise<void> {
  const guard = startGuard();
  try {
    const server = await startPostgres({ engine: platform.engine, port: 0, durable: false, guard });
    const sql = postgres(server.databaseUrl, { max: 1, onnotice: () => {} });
    try {
      await buildRelease(release, sql, server.databaseUrl);
      await test(sql, server.databaseUrl);
    } finally {
      await sql.end({ timeout: 1 });
      await server.stop();
    }
  } finally {
    await guard.stop();
  }
}

for (const released of await recordedReleases()) {
  Deno.test(`migrations of ${released.version} are as they were released`, () => {
    deepStrictEqual(editedMigrations(released, current), []);
  });

  Deno.test(`a month lived under ${released.version} is upgraded, and the next one billed`, () =>
    withRelease(released, async (sql, url) => {
      deepStrictEqual(await upgrade(files, {}, sql, url), []);
    }));
}

Deno.test({
  name: "migrations make what supabase/schemas says, rows too",
  // Until a release is recorded they are the sources.
  ignore: (await recordedReleases()).length === 0 || platform.engine !== "embedded",
  fn: async () => deepStrictEqual(await missing(), { statements: [], byHand: [] }),
});

Deno.test("an upgrade from what is here now: a good migration passes, bad ones are caught", () =>
  withRelease(current, async (sql, url) => {
    const more: Record<string, string> = {};
    const upgradeBy = (text: string) => {
      more[`209901010000${10 + Object.keys(more).length}_more.sql`] = text;
      return upgrade(files, more, sql, url);
    };
    const good = "alter table public.invoices add column purchase_order text;";
    deepStrictEqual(await upgradeBy(good), []);
    match(
      (await upgradeBy("update public.usage_records set quantity = quantity + 1;")).join("\n"),
      /Acme \(usage\) is not what it was[^]*records_equal_logs/,
    );
    await sql`select billing.rebuild_usage()`;
    match(
      (await upgradeBy(`update billing.ledger_sums set amount_minor = amount_minor - 1;
        update billing.credit_sums set amount_minor = amount_minor - 1;`)).join("\n"),
      /Acme \(balance\) is not[^]*Acme \(credit at 2026-08-02\) is not[^]*ledger_sum_is_entries/,
    );
    deepStrictEqual(
      await upgradeBy(`update billing.ledger_sums set amount_minor = amount_minor + 1;
        update billing.credit_sums set amount_minor = amount_minor + 1;`).then((faults) =>
        faults.filter((fault) => !/ is not what it was$/.test(fault))
      ),
      [],
    );
    const payments = (by: string) =>
      upgradeBy(`
        alter table billing.ledger_entries disable trigger user;
        alter table billing.ledger_transactions disable trigger user;
        update billing.ledger_entries e set effective_at = e.effective_at ${by}
        from billing.ledger_transactions t where t.id = e.transaction_id and t.kind = 'payment';
        update billing.ledger_transactions t set effective_at = t.effective_at ${by}
        where t.kind = 'payment';
        alter table billing.ledger_transactions enable trigger user;
        alter table billing.ledger_entries enable trigger user;`);
    match((await payments("+ interval '1 day'")).join("\n"), /Birch \(statement\) is not what/);
    await payments("- interval '1 day'");
    match(
      (await upgradeBy(`alter table public.invoices disable trigger user;
        update public.invoices set document = jsonb_set(document, '{number}', '"INV-1"')
        where number = 'INV-2026-000002';
        alter table public.invoices enable trigger user;`)).join("\n"),
      /INV-2026-000002 \(.*\) is not what it was[^]*document_says_the_total/,
    );
    match(
      (await upgradeBy(`create table public.half (a integer);
        alter table public.clients alter column email set not null;`)).join("\n"),
      /column "email" of relation "clients" contains null values/,
    );
    const [half] = await sql`select to_regclass('public.half') as made`;
    deepStrictEqual(half, { made: null }, "a migration that fails leaves nothing");
  }));

Deno.test("members of a database from before there were roles keep what they could do", () =>
  withRelease(current, async (sql, url) => {
    const page = join(repositoryRoot, "docs", "adr", "0065-roles-of-members.md");
    const [, steps = ""] = /```sql\n([^]*?)```/.exec(await Deno.readTextFile(page)) ?? [];
    await sql.unsafe(`
      alter table public.client_members drop constraint client_members_role_known,
        add constraint client_members_role_known check (role in ('viewer', 'payer'));
      insert into auth.users (id) values ('00000000-0000-4000-8000-0000000000a1'),
        ('00000000-0000-4000-8000-0000000000a2');
      insert into public.client_members (client_id, user_id, role)
      select c.id, m.user_id, m.role from public.clients c
      cross join (values ('00000000-0000-4000-8000-0000000000a1'::uuid, 'payer'),
        ('00000000-0000-4000-8000-0000000000a2', 'viewer')) m(user_id, role)
      where c.name = 'Acme'`).simple();
    deepStrictEqual(await upgrade(files, { "20990101000000_roles.sql": steps }, sql, url), []);
    const said: string[] = [];
    for (const user of ["a1", "a2"]) {
      const claims = JSON.stringify({ sub: `00000000-0000-4000-8000-0000000000${user}` });
      await sql`select set_config('request.jwt.claims', ${claims}, false)`;
      for (const act of ["request_top_up(c.id, 100)", "require_role(c.id, 'admin')"]) {
        const query = `select billing.${act} from public.clients c where c.name = 'Acme'`;
        const outcome = await sql.unsafe(query).then(() => "done", (error) => error.detail);
        said.push(`${user} ${act}: ${outcome}`);
      }
    }
    deepStrictEqual(said, [
      "a1 request_top_up(c.id, 100): done",
      "a1 require_role(c.id, 'admin'): done",
      "a2 request_top_up(c.id, 100): role_required",
      "a2 require_role(c.id, 'admin'): role_required",
    ]);
  }));

Deno.test("the migration that is drafted for changed sources makes what they say", async () => {
  const released = await readSources();
  const changed = released.map(({ path, text }) => ({
    path,
    text: path !== "80_api/count_usage.sql" ? text : text
      .replace("returns bigint", "returns integer").replace("_billing.rollup()", "1")
      .concat(`
create function billing.count_twice()
returns integer language sql as $$
  select 2;
$$;
comment on function billing.count_twice is 'Twice.';
grant execute on function billing.count_twice() to service_role;
`),
  }));
  const first = { "1_first.sql": migrationOf(released) };
  const [wanted, found] = [
    await describeMigrations({ "1_first.sql": migrationOf(changed) }),
    await describeMigrations(first),
  ];
  const next = nextMigration(wanted, found, changed);
  deepStrictEqual([next.statements.length, next.byHand], [2, []]);
  const made = await describeMigrations({ ...first, "2_next.sql": draftOf(next) });
  deepStrictEqual(schemaDifferences(wanted, made, { sameVersion: true }), []);
});

Deno.test("rows that the sources insert and no migration does are told", async () => {
  const released = await readSources();
  const changed = released.map(({ path, text }) => ({
    path,
    text: path !== "00_foundation/delivery_kinds_data.sql" ? text : text.replace(
      "insert into",
      `insert into billing.delivery_kinds values
          ('fax', true, false, 'By fax');\ninsert into`,
    ),
  }));
  const [wanted, found] = [
    await describeBuild({ "1_first.sql": migrationOf(changed) }),
    await describeBuild({ "1_first.sql": migrationOf(released) }),
  ];
  deepStrictEqual(nextMigration(wanted, found, changed), {
    statements: [],
    byHand: [`rows billing.delivery_kinds:
  + {"kind": "fax", "purpose": "By fax", "of_invoices": true, "of_credit_notes": false}`],
  });
});

Deno.test("a released migration that was edited or is gone is told", () => {
  const released = { ...current, migrations: { "1_gone.sql": "1", "2_edited.sql": "2" } };
  deepStrictEqual(editedMigrations(released, { ...current, migrations: { "2_edited.sql": "3" } }), [
    "1_gone.sql is gone after 0.0.0",
    "2_edited.sql was edited after 0.0.0",
  ]);
});
