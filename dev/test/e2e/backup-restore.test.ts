import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import type { Sql } from "postgres";
import { StripeEnvironment } from "../../../supabase/functions/_shared/stripe/environment.ts";
import { stripePorts } from "../../../supabase/functions/_shared/stripe/open.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { pushToStripe } from "../../../supabase/functions/reconcile-stripe/outbox.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { bothSides } from "../../standins/stripe/both-sides.ts";
import { startStripe } from "../../standins/stripe/server.ts";
import { runCommand } from "../runner/command.ts";
import { type ArchivedWorld, urlOf, withArchivedWorld } from "../support/archived-cluster.ts";
import { platform } from "../support/platform-env.ts";
import { books, faults, liveUntilAugust, liveUntilJuly } from "../support/restored-books.ts";

Deno.test("a base backup in a new cluster goes on as the original does", () =>
  withArchivedWorld(async ({ original, backUp, restore }) => {
    await liveUntilJuly(original.sql);
    // A transaction that is open while the backup is taken is in none of the two.
    const open = original.connect();
    await open`begin`;
    await open`insert into public.agent_usage_logs (agent, model, input_tokens, client_id)
      select 'SCHOLAR', 'claude-sonnet', 1, id from public.clients`;
    const backup = await backUp();
    await open`rollback`;
    const { sql } = await restore(backup);
    strictEqual(await watermarkIsHere(sql), true, "a physical copy has the same transactions");
    await leasesAreTakenAgain(sql);
    await goesOnAlike(original.sql, sql);
  }));

/** What a worker had when the backup was taken is taken again, once; finished work is not. */
async function leasesAreTakenAgain(sql: Sql): Promise<void> {
  const claim = () =>
    sql`
      select state, attempts from _billing.claim_deliveries('{archive}', 10, 120,
        clock_timestamp() + interval '3 minutes') order by attempts`;
  await sql`begin`;
  deepStrictEqual([...await claim()], [
    { state: "running", attempts: 1 },
    { state: "running", attempts: 2 },
  ]);
  deepStrictEqual([...await claim()], []);
  await sql`rollback`;
}

/** Both live on to August, and end with the same books: nothing is lost, nothing counts twice. */
async function goesOnAlike(original: Sql, copy: Sql): Promise<void> {
  const before = await books(copy);
  deepStrictEqual(before, await books(original));
  await liveUntilAugust(original);
  await liveUntilAugust(copy);
  strictEqual(await watermarkIsHere(copy), true);
  const after = await books(copy);
  deepStrictEqual(after, await books(original));
  deepStrictEqual(await faults(copy), []);
  deepStrictEqual(after.invoices.map(({ number }) => number), numbers(1, 6));
  ok(after.lines.length > before.lines.length && after.creditNotes.length === 1);
}

async function watermarkIsHere(sql: Sql): Promise<unknown> {
  const [row] = await sql`
    select _billing.watermark_is_here(w) as here from billing.usage_watermark w`;
  return row?.here;
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, n) => `INV-2026-00000${from + n}`);
}

if (platform.engine === "embedded") {
  Deno.test("a copy in another database of the cluster counts its logs anew, to the same sums", () =>
    withArchivedWorld(async ({ original }) => {
      await liveUntilJuly(original.sql);
      await original.sql.end();
      await original.admin`create database copy template postgres owner postgres`;
      const copy = original.connect("copy");
      strictEqual(await watermarkIsHere(copy), false);
      await goesOnAlike(original.connect(), copy);
    }));
} else {
  // pg_dump dumps servers of its own version and older: Debian's, and not the one from npm.
  Deno.test("pg_dump into a new project goes on as the original does", () =>
    withArchivedWorld(async (world) => {
      const { sql } = world.original;
      await liveUntilJuly(sql);
      await sql`insert into auth.users (id) values (gen_random_uuid())`;
      await sql`insert into public.client_members (client_id, user_id)
        select c.id, u.id from public.clients c, auth.users u where c.name = 'Client 1'`;
      const copy = await dumpIntoNewProject(world);
      const members = await copy`select user_id from public.client_members`;
      strictEqual(members.length, 1);
      const jobs =
        await copy`select j.name from billing.jobs j join billing.job_definitions d using (name)
        where j.warning is distinct from case when d.command ~ 'billing.wake_' then
          'does nothing: Vault has no secret billing_cron_key, billing_functions_url' end`;
      deepStrictEqual([...jobs], []);
      strictEqual(await watermarkIsHere(copy), false);
      await leasesAreTakenAgain(copy);
      await goesOnAlike(sql, copy);
    }));
}

/** The commands of docs/backup.md. */
async function dumpIntoNewProject({ engine, original, empty }: ArchivedWorld): Promise<Sql> {
  const program = async (name: string, args: string[]) => {
    const { output } = await runCommand(join(engine.root, engine.bin, name), args);
    return output.trim();
  };
  const folder = await Deno.makeTempDir({ prefix: "leveredge-dump-" });
  const [users, billing] = [join(folder, "users.dump"), join(folder, "billing.dump")];
  const from = urlOf(original.port, "postgres");
  const dump = ["--format=custom", "--file"];
  strictEqual(
    await program("pg_dump", [
      ...dump,
      users,
      ..."--data-only --table=auth.users --table=auth.identities".split(" "),
      from,
    ]),
    "",
  );
  const schemas = "--schema=public --schema=billing --schema=_billing --schema=supabase_migrations"
    .split(" ");
  strictEqual(await program("pg_dump", [...dump, billing, ...schemas, from]), "");
  const fresh = await empty();
  const to = ["--dbname", urlOf(fresh.port, "postgres")];
  await fresh.sql`create extension if not exists btree_gist with schema extensions`;
  await fresh.sql`create extension if not exists pgcrypto with schema extensions`;
  await fresh.sql`create extension if not exists pg_cron with schema pg_catalog`;
  await fresh.sql`create extension if not exists pg_net with schema extensions`;
  await fresh.sql`create role billing_agent nologin noinherit`;
  await fresh.sql`grant billing_agent to authenticator`;
  await fresh.sql`create role billing_source nologin`;
  strictEqual(await program("pg_restore", [...to, users]), "");
  const told = await program("pg_restore", [...to, billing]);
  match(told, /^pg_restore: error: .*schema "public" already exists\nCommand was: CREATE SCHEMA/);
  match(told, /errors ignored on restore: 1$/);
  await fresh.sql`select _billing.schedule_jobs()`;
  await Deno.remove(folder, { recursive: true });
  return fresh.sql;
}

Deno.test("a month that a restore took back is billed again and found in Stripe, not sent twice", () =>
  withArchivedWorld(async ({ original, backUp, markMoment, restore }) => {
    const stripe = startStripe({ secretKey: KEY });
    try {
      const lost = original.sql;
      await liveUntilJuly(lost);
      deepStrictEqual(await send(lost, stripe.url), Array(3).fill("done"));
      const backup = await backUp();
      await markMoment("before_the_run");
      // Client 3 has usage that no log will tell of again.
      await lost`
        insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
        select 'SCHOLAR', 'claude-sonnet', 40000000, '2026-07-20', id
        from public.clients where name = 'Client 3'`;
      await liveUntilAugust(lost);
      deepStrictEqual(await send(lost, stripe.url), Array(6).fill("done"));
      const paid = [...stripe.state.invoices.values()].find(({ number }) =>
        number === "INV-2026-000004"
      );
      stripe.payInvoice(paid?.id ?? "");
      const theirs = [...stripe.state.invoices.keys()];

      const { sql } = await restore(backup, "before_the_run");
      strictEqual(await watermarkIsHere(sql), true);
      deepStrictEqual((await books(sql)).invoices.map(({ number }) => number), numbers(1, 3));
      await liveUntilAugust(sql);
      deepStrictEqual(await faults(sql), []);
      const [before, after] = [await books(lost), await books(sql)];
      deepStrictEqual(
        after.invoices.map(({ id, number }) => [id, number]),
        before.invoices.map(({ id, number }) => [id, number]),
      );
      deepStrictEqual(after.creditNotes, before.creditNotes);
      deepStrictEqual(await send(sql, stripe.url), [...Array(5).fill("done"), "dead"]);
      deepStrictEqual([...stripe.state.invoices.keys()], theirs, "no invoice is there twice");
      strictEqual(stripe.state.customers.size, 3);
      strictEqual(stripe.state.creditNotes.size, 1);
      const { left } = await reconcile(2, portsOf(sql, stripe.url));
      deepStrictEqual(new Set(left.map(({ number }) => number)), new Set(["INV-2026-000006"]));
      const sides = await bothSides(sql, stripe.state);
      deepStrictEqual(
        sides.filter(({ total, stripes }) => total !== stripes.total).map(({ number }) => number),
        ["INV-2026-000006"],
      );
      deepStrictEqual(sides.map(({ status }) => status), [
        "open",
        "open",
        "open",
        "paid",
        "open",
        "open",
      ]);
    } finally {
      await stripe.stop();
    }
  }));

const KEY = "sk_test_restore";

function portsOf(sql: Sql, url: string): StripePorts {
  const ports = stripePorts(
    StripeEnvironment.parse({ STRIPE_API_KEY: KEY, STRIPE_API_BASE: url }),
    sql,
  );
  if (ports === undefined) throw new Error("Stripe is off");
  return ports;
}

/** Sends every invoice and credit note; how the invoices fared, by number. */
async function send(sql: Sql, url: string): Promise<string[]> {
  const ports = portsOf(sql, url);
  const kinds: string[] = [];
  for (const { id } of await sql`select id from public.invoices order by number`) {
    kinds.push((await deliverInvoice(id, ports)).kind);
  }
  await pushToStripe(ports);
  return kinds;
}
