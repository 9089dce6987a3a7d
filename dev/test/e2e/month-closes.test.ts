import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { sha256Of } from "../../../shared/sha256.ts";
import { seedJune, withDeliveryWorld } from "../support/delivery-world.ts";
import { eventually } from "../support/eventually.ts";
import { platform as shared } from "../support/platform-env.ts";

// The real pg_cron of Debian knows whole minutes only.
const soon = shared.engine === "debian" ? "* * * * *" : "1 seconds";
const within = shared.engine === "debian" ? 200_000 : 40_000;

Deno.test("a month closes by itself: run, PDFs in Storage, mails, HERMES, report", () =>
  withDeliveryWorld(async ({ sql, hermes, smtp, platform, files }) => {
    await sql`update public.billing_settings set operator_emails = '{ops@example.test}'`;
    await seedJune(sql, 3);
    // The clock, arranged: for the owner's new sessions, so for every job, it is the first of July;
    // jobs of nine o'clock or each minute fire now.
    const admin = postgres(platform.urls.databaseAdmin, { max: 1 });
    await admin`alter role postgres set billing.as_of = '2026-07-01 09:00:00+00'`;
    await admin.end();
    for (const name of ["billing-rollup", "billing-monthly-run", "billing-deliver"]) {
      await sql`select cron.schedule(jobname, ${soon}, command) from cron.job
        where jobname = ${name}`;
    }
    await eventually(async () => {
      const left = await sql`select kind, state, last_error from public.deliveries
        where state not in ('done', 'skipped')`;
      deepStrictEqual([...left], []);
      strictEqual((await sql`select from public.deliveries where state = 'done'`).length, 13);
    }, within);

    const invoices = await sql`select number, client_id from public.invoices order by number`;
    deepStrictEqual(invoices.map(({ number }) => number), [
      "INV-2026-000001",
      "INV-2026-000002",
      "INV-2026-000003",
    ]);
    deepStrictEqual(
      await files(),
      invoices.map(({ number, client_id }) => `${client_id}/${number}.pdf`).sort(),
    );
    const archived = await sql`select details ->> 'path' as path, details ->> 'sha256' as sha256
      from public.deliveries where kind = 'archive'`;
    const storage = createClient(platform.urls.api, platform.keys.secret).storage.from("invoices");
    for (const { path, sha256 } of archived) {
      const { data } = await storage.download(path);
      const bytes = new Uint8Array(await (data ?? new Blob()).arrayBuffer());
      strictEqual(sha256Of(bytes), sha256);
    }
    deepStrictEqual(smtp.received.map(({ to }) => to?.[0]?.address).sort(), [
      "client-1@example.test",
      "client-2@example.test",
      "client-3@example.test",
      // The report of the run, and that Stripe is off.
      "ops@example.test",
      "ops@example.test",
    ]);
    deepStrictEqual(hermes.received.map(({ status }) => status), Array(5).fill("delivered"));
    deepStrictEqual(
      hermes.received.map(({ body }) => body.priority).sort(),
      ["high", "low", "low", "low", "normal"],
    );
    const [report] = await sql`select * from billing.run_report order by id limit 1`;
    strictEqual(report?.invoices, 3);
    match(report?.totals, /^180\.02 USD$/);
    // However often the job fires: three invoices, five mails.
    await eventually(async () => {
      const [job] = await sql`select last_outcome, warning from billing.jobs
        where name = 'billing-monthly-run'`;
      deepStrictEqual({ ...job }, { last_outcome: "succeeded", warning: null });
    });
    strictEqual((await sql`select from public.invoices`).length, 3);
    strictEqual(smtp.received.length, 5);
  }, { jobs: true }));

Deno.test("Storage's files are private", () =>
  withDeliveryWorld(async ({ platform, sql, work }) => {
    await seedJune(sql, 1);
    await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
    await work();
    const [{ path }] = await sql<[{ path: string }]>`
      select external_id as path from public.deliveries where kind = 'archive'`;
    const anonymous = createClient(platform.urls.api, platform.keys.publishable);
    const { data, error } = await anonymous.storage.from("invoices").download(path);
    strictEqual(data, null);
    match(String(error), /./);
    const open = await fetch(`${platform.urls.api}/storage/v1/object/public/invoices/${path}`);
    strictEqual(open.ok, false);
    await open.body?.cancel();
  }));
