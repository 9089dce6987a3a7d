import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { surviveLostConnections } from "../../platform/client-errors.ts";
import { eventually } from "../support/eventually.ts";
import { withDatabase } from "../support/june-database.ts";

/** A session that settles clients holds these alone, and for one batch. */

// A session is ended here, and the client library may write to it once more.
surviveLostConnections();

/** A client that owes the minimum of June, 50.00. */
async function addClient(sql: Sql, name: string): Promise<string> {
  const id = randomUUID();
  await sql`insert into public.clients (id, name, started_on) values (${id}, ${name}, '2026-06-01')`;
  return id;
}

async function beginRun(sql: Sql): Promise<string> {
  const [run] = await sql<{ id: string }[]>`
    select billing.begin_run('2026-07-02 09:00+00')::text as id`;
  return run?.id ?? "";
}

/** Stripe tells of a client's subscription, which ended with June where it has ended. */
async function tellOfSubscription(sql: Sql, client: string, status: "active" | "canceled") {
  const object = {
    id: `sub_${client}`,
    status,
    currency: "usd",
    livemode: false,
    metadata: { leveredge_client_id: client },
    items: { data: [] },
    ended_at: status === "canceled" ? Date.parse("2026-07-01T00:00:00Z") / 1000 : null,
  };
  await sql`
    select billing.receive_stripe_event(${
    sql.json({
      id: `evt_${client}`,
      type: status === "canceled"
        ? "customer.subscription.deleted"
        : "customer.subscription.created",
      livemode: false,
      created: Date.parse("2026-07-02T08:00:00Z") / 1000,
      data: { object },
    })
  })`;
}

Deno.test("while a batch is open, others' payments, previews and Stripe events do not wait", () =>
  withDatabase(async ({ sql, connect }) => {
    const other = connect();
    const [settled, beside] = [await addClient(sql, "A"), await addClient(sql, "B")];
    const [paid] = await sql<{ id: string }[]>`
      select invoice_id as id
      from billing.generate_invoice(${beside}, '2026-06-01', '2026-07-02')`;
    const invoice = paid?.id ?? "";
    await sql`
      insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
      values (${invoice}, false, 'in_b', 'open')`;
    await tellOfSubscription(sql, settled, "active");
    await tellOfSubscription(sql, beside, "active");
    const run = await beginRun(sql);
    await sql.begin(async (batch) => {
      await batch`select billing.settle_batch(${run}::bigint)`;
      await other`set lock_timeout = '1s'`;
      await other`select billing.record_payment(${invoice}, 100, method => 'bank_transfer')`;
      await other`select billing.preview_invoice(${beside}, '2026-07-01', '2026-07-02')`;
      strictEqual(await processed(other, beside), "done");
      // The batch holds its own client indeed.
      await rejects(
        other`select billing.preview_invoice(${settled}, '2026-07-01', '2026-07-02')`,
        /lock timeout/,
      );
    });
    await sql`select billing.finish_run(${run}::bigint)`;
    strictEqual(await processed(other, settled), "done");
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
  }));

/** What becomes of the event of a client that is acted on now. */
async function processed(sql: Sql, client: string): Promise<string> {
  const id = `evt_${client}`;
  await sql`select billing.process_stripe_event(${id})`;
  const [event] = await sql<{ state: string; note: string }[]>`
    select state, note from billing.stripe_events where id = ${id}`;
  return event?.state === "done" ? "done" : `${event?.state}: ${event?.note}`;
}

Deno.test("a run and Stripe's events of its clients never wait for each other in a circle", () =>
  withDatabase(async ({ sql, connect }) => {
    const events = connect();
    // An event takes the books of its client, then the client and its periods.
    const addCancelled = async (name: string) =>
      await tellOfSubscription(sql, await addClient(sql, name), "canceled");
    await addCancelled("A");
    await addCancelled("B");
    let acted: Promise<unknown> = Promise.resolve();
    // The run has taken what it opens periods of; then the events come; then it takes the books.
    await sql.begin(async (run) => {
      const [begun] = await run<{ id: string }[]>`
        select billing.begin_run('2026-07-02 09:00+00')::text as id`;
      acted = events`call _billing.act_on_stripe_events()`.execute();
      await Promise.race([acted, new Promise((resolve) => setTimeout(resolve, 400))]);
      await run`select billing.settle_batch(${begun?.id ?? ""}::bigint)`;
      await run`select billing.finish_run(${begun?.id ?? ""}::bigint)`;
    });
    await acted;
    // The events have taken books and clients; then a run comes, and does not wait for them.
    await addCancelled("C");
    await addCancelled("D");
    await events.begin(async (acting) => {
      await acting`set local _billing.assert_lock_order = off`;
      await acting`select billing.process_stripe_events()`;
      await sql`set lock_timeout = '5s'`;
      await sql`select billing.run_monthly('2026-07-03 09:00+00')`;
    });
    await sql`select billing.run_monthly('2026-07-04 09:00+00')`;
    const undone = await sql`select id, note from billing.stripe_events where state <> 'done'`;
    deepStrictEqual([...undone], []);
    const invoices = await sql`
      select c.name, i.total_minor::int as total from public.invoices i
      join public.clients c on c.id = i.client_id order by 1`;
    deepStrictEqual(invoices.map(({ name, total }) => [name, total]), [
      ["A", 5000],
      ["B", 5000],
      ["C", 5000],
      ["D", 5000],
    ]);
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
  }));

Deno.test("close_month that is killed in its third batch has lost that batch alone", () =>
  withDatabase(async ({ sql, connect }) => {
    const [watcher, killed] = [connect(), connect()];
    await sql`
      insert into public.clients (name, started_on)
      select 'Client ' || lpad(n::text, 3, '0'), '2026-06-01' from generate_series(1, 160) n`;
    await waitForLockAfter(sql, 100);
    await watcher.begin(async (hold) => {
      await hold`select pg_advisory_xact_lock(4242)`;
      await killed`select set_config('billing.as_of', '2026-07-01 09:00+00', false)`;
      const closing = rejects(killed`call billing.close_month()`.execute());
      await eventually(async () => {
        const [waiting] = await hold<{ pid: number }[]>`
          select pid from pg_locks where locktype = 'advisory' and objid = 4242 and not granted`;
        strictEqual(typeof waiting?.pid, "number");
        await hold`select pg_terminate_backend(${waiting?.pid ?? 0})`;
      }, 60_000);
      await closing;
    });
    const numbers = async () => {
      const rows = await sql<{ number: string }[]>`
        select number from public.invoices where number is not null order by number`;
      return rows.map(({ number }) => Number(number.slice(-6)));
    };
    const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
    deepStrictEqual(await numbers(), upTo(100), "two batches of 50");
    const open = await sql`select id from billing.monthly_runs where finished_at is null`;
    strictEqual(open.length, 1);
    await sql`select set_config('billing.as_of', '2026-07-01 10:00+00', false)`;
    await sql`call billing.close_month()`;
    deepStrictEqual(await numbers(), upTo(160));
    const runs = await sql`select summary ->> 'invoices' as invoices from billing.monthly_runs`;
    deepStrictEqual(runs.map(({ invoices }) => invoices), ["160"], "the run that was open");
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
  }));

/** Who writes a draft waits for an advisory lock once so many invoices are issued. */
async function waitForLockAfter(sql: Sql, issued: number): Promise<void> {
  await sql.unsafe(`
    create function public.wait_for_lock() returns trigger language plpgsql as $$
    begin
      if (select count(*) from public.invoices i where i.status <> 'draft') >= ${issued} then
        perform pg_advisory_xact_lock_shared(4242);
      end if;
      return null;
    end $$;
    create trigger wait_for_lock before insert on public.invoices
    for each statement execute function public.wait_for_lock()`);
}
