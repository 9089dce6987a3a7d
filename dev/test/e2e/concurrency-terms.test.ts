import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Sql, TransactionSql } from "postgres";
import { withDatabase } from "../support/june-database.ts";

// 100 searches in June; a cent each by the default list, five by the price that is being added.
const AS_OF = "2026-07-02";

async function draftOfJune(sql: Sql, client: string): Promise<string> {
  await sql`insert into public.clients (id, name, started_on) values (${client}, 'Acme', '2026-06-01')`;
  await sql`insert into public.billing_config (client_id, minimum_minor, grace_hours)
    values (${client}, 0, 240)`;
  await sql`
    insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
    values ('SCHOLAR', 'claude-sonnet', 100, ${client}, '2026-06-10T00:00:00Z')`;
  await sql`select billing.run_monthly(${AS_OF})`;
  const [draft] = await sql<{ id: string }[]>`select id from public.invoices`;
  return draft?.id ?? "";
}

async function invoiceOf(sql: Sql, client: string) {
  const [invoice] = await sql<{ status: string; total: number }[]>`
    select status, total_minor::int as total from public.invoices
    where client_id = ${client} and status <> 'void'`;
  return invoice;
}

Deno.test("an invoice does not wait for a price that is being added, and the price is refused", () =>
  withDatabase(async ({ sql, connect }) => {
    const [editor, client] = [connect(), randomUUID()];
    const draft = await draftOfJune(sql, client);
    await rejects(
      editor.begin(async (edit) => {
        await edit`select set_config('billing.as_of', ${AS_OF}, true)`;
        await edit`insert into public.prices (client_id, metric, unit_amount, effective_from)
          values (${client}, 'web_searches', 0.05, '2026-06-01')`;
        await sql`set statement_timeout = '20s'`;
        await sql`select billing.finalize_invoice(${draft}, ${AS_OF})`;
      }),
      /this price would change what Acme was charged for June 2026/,
    );
    deepStrictEqual(await invoiceOf(sql, client), { status: "open", total: 100 });
  }));

Deno.test("a price that was committed while a run rated is the price of its invoice", () =>
  withDatabase(async ({ sql, connect }) => {
    const [editor, holder, client] = [connect(), connect(), randomUUID()];
    await draftOfJune(sql, client);
    await sql`update public.billing_config set grace_hours = 0 where client_id = ${client}`
      .catch(() => {});
    const [run] = await sql<{ id: string }[]>`
      select billing.begin_run('2026-07-20') as id`;
    // The run has rated when it waits for the item that another session holds; then the price comes.
    await sql`
      insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
      values (${client}, 'Set-up', 1, 'USD', '2026-06-20')`;
    let settled: Promise<unknown> = Promise.resolve();
    await holder.begin(async (hold) => {
      await hold`select from public.invoice_items for update`;
      settled = sql`select billing.settle_batch(${run?.id ?? ""})`.execute();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await editor.begin(async (edit) => {
        await edit`select set_config('billing.as_of', ${AS_OF}, true)`;
        await edit`insert into public.prices (client_id, metric, unit_amount, effective_from)
          values (${client}, 'web_searches', 0.05, '2026-06-01')`;
      });
    });
    await settled;
    await sql`select billing.finish_run(${run?.id ?? ""})`;
    deepStrictEqual(await invoiceOf(sql, client), { status: "open", total: 600 });
  }));

const OWN_PRICE = "00000000-0000-4000-9000-000000000001";

/** A price of the client's own, which its June draft is made with; the month is not settled. */
async function draftWithPrice(sql: Sql, client: string, amount: number): Promise<void> {
  await sql`insert into public.clients (id, name, started_on) values (${client}, 'Acme', '2026-06-01')`;
  await sql`insert into public.billing_config (client_id, minimum_minor, grace_hours)
    values (${client}, 0, 240)`;
  await sql`insert into public.prices (id, client_id, metric, unit_amount)
    values (${OWN_PRICE}, ${client}, 'web_searches', ${amount})`;
  await sql`
    insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
    values ('SCHOLAR', 'claude-sonnet', 100, ${client}, '2026-06-10T00:00:00Z')`;
}

/** What is booked otherwise than it is rated, in either direction. */
function unequal(sql: Sql) {
  return sql`select * from _billing.late_sections(array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p where p.settled_at is not null)) s where s.net_minor <> 0`;
}

for (
  const { name, amount, total } of [
    { name: "issues the month's invoice", amount: 0.01, total: 100 },
    { name: "skips the month as free", amount: 0, total: undefined },
  ]
) {
  Deno.test(`a price that is mended while a run ${name} is refused at its commit`, () =>
    withDatabase(async ({ sql, connect }) => {
      const [editor, client] = [connect(), randomUUID()];
      await draftWithPrice(sql, client, amount);
      await rejects(
        editor.begin(async (edit) => {
          await edit`update public.prices set unit_amount = 0.05 where id = ${OWN_PRICE}`;
          await sql`set statement_timeout = '20s'`;
          await sql`select billing.run_monthly('2026-07-20')`;
        }),
        /this price would change what Acme was charged for June 2026, which is settled/,
      );
      const [price] =
        await sql`select unit_amount::float from public.prices where id = ${OWN_PRICE}`;
      strictEqual(price?.["unit_amount"], amount);
      strictEqual((await invoiceOf(sql, client))?.total, total);
      deepStrictEqual([...await unequal(sql)], []);
    }));
}

Deno.test("another price in the place of one that a run settles by meanwhile is refused", () =>
  withDatabase(async ({ sql, connect }) => {
    const [editor, client] = [connect(), randomUUID()];
    await draftWithPrice(sql, client, 0.01);
    await sql`delete from public.prices where client_id is null and metric = 'web_searches'`;
    await rejects(
      editor.begin(async (edit) => {
        await edit`delete from public.prices where id = ${OWN_PRICE}`;
        await edit`insert into public.prices (client_id, model, metric, unit_amount)
          values (${client}, 'claude-sonnet', 'web_searches', 0.05)`;
        await sql`set statement_timeout = '20s'`;
        await sql`select billing.run_monthly('2026-07-20')`;
      }),
      /this price would change what Acme was charged/,
    );
    deepStrictEqual(await invoiceOf(sql, client), { status: "open", total: 100 });
    deepStrictEqual([...await unequal(sql)], []);
  }));

Deno.test("a config that is mended while a run settles the month is refused at its commit", () =>
  withDatabase(async ({ sql, connect }) => {
    const [editor, client] = [connect(), randomUUID()];
    await draftWithPrice(sql, client, 0.01);
    await rejects(
      editor.begin(async (edit) => {
        await edit`update public.billing_config set minimum_minor = 5000 where client_id = ${client}`;
        await sql`set statement_timeout = '20s'`;
        await sql`select billing.run_monthly('2026-07-20')`;
      }),
      /this config would change what Acme was charged/,
    );
    deepStrictEqual(await invoiceOf(sql, client), { status: "open", total: 100 });
    deepStrictEqual([...await unequal(sql)], []);
  }));

Deno.test("a price that is mended in place while a run rates is the price of its invoice", () =>
  withDatabase(async ({ sql, connect }) => {
    const [editor, holder, client] = [connect(), connect(), randomUUID()];
    await draftWithPrice(sql, client, 0.01);
    await sql`
      insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
      values (${client}, 'Set-up', 1, 'USD', '2026-06-20')`;
    const [run] = await sql<{ id: string }[]>`select billing.begin_run('2026-07-20') as id`;
    // The run has rated when it waits for the item that another session holds.
    let settled: Promise<unknown> = Promise.resolve();
    await holder.begin(async (hold) => {
      await hold`select from public.invoice_items for update`;
      settled = sql`select billing.settle_batch(${run?.id ?? ""})`.execute();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await editor`update public.prices set unit_amount = 0.05 where id = ${OWN_PRICE}`;
    });
    await settled;
    await sql`select billing.finish_run(${run?.id ?? ""})`;
    deepStrictEqual(await invoiceOf(sql, client), { status: "open", total: 600 });
    deepStrictEqual([...await unequal(sql)], []);
  }));

Deno.test("an editor that holds one client does not keep the others from being billed", () =>
  withDatabase(async ({ sql, connect }) => {
    const editor = connect();
    const clients = [randomUUID(), randomUUID()];
    for (const client of clients) {
      await sql`
        insert into public.clients (id, name, started_on) values (${client}, ${client}, '2026-06-01')`;
    }
    await editor.begin(async (edit) => {
      await edit`select _billing.lock_clients(${[clients[0] ?? ""]}::uuid[])`;
      await sql`call billing.close_month(budget => '2 seconds')`;
      strictEqual(await invoiceOf(sql, clients[0] ?? ""), undefined);
    });
    await sql`call billing.close_month(start_new => false)`;
    const rows = await sql`
      select count(*)::int as count from public.invoices where period_start = '2026-06-01'`;
    strictEqual(rows[0]?.count, 2);
  }));

async function addPrice(sql: Sql | TransactionSql, client: string | null): Promise<void> {
  await sql`insert into public.prices (client_id, metric, unit_amount, effective_from)
    values (${client}, ${`metric_${randomUUID()}`}, 1, '2200-01-01')`;
}

Deno.test("a client's price waits while its own invoice is written, not while another's is", () =>
  withDatabase(async ({ sql, connect }) => {
    const [editor, client, other] = [connect(), randomUUID(), randomUUID()];
    const draft = await draftOfJune(sql, client);
    await sql`insert into public.clients (id, name, started_on)
      values (${other}, 'Other', '2026-06-01')`;
    await editor`set lock_timeout = '300ms'`;
    await sql.begin(async (run) => {
      await run`select billing.finalize_invoice(${draft}, ${AS_OF})`;
      await addPrice(editor, other);
      for (const held of [client, null]) {
        await rejects(addPrice(editor, held), /lock timeout/, `${held}`);
      }
    });
    for (const free of [client, null]) await addPrice(editor, free);
  }));

Deno.test("two transactions that change the prices of both clients do not wait for each other", () =>
  withDatabase(async ({ sql, connect }) => {
    const [one, two] = [randomUUID(), randomUUID()];
    await sql`insert into public.clients (id, name, started_on)
      values (${one}, 'One', '2026-06-01'), (${two}, 'Two', '2026-06-01')`;
    const orders = [[one, two], [two, one]].map((clients) => ({ clients, session: connect() }));
    await Promise.all(orders.map(async ({ session, clients }) => {
      for (let round = 0; round < 100; round++) {
        await session.begin(async (edit) => {
          for (const client of clients) await addPrice(edit, client);
        });
      }
    }));
    const [prices] = await sql<{ count: number }[]>`
      select count(*)::int as count from public.prices where client_id is not null`;
    strictEqual(prices?.count, 400);
  }));

/** One of each kind: read by top-ups, by numbers, by documents, by mails. */
const SETTINGS = [
  ["top_up_tax", "on_purchase"],
  ["number_series", "SET"],
  ["seller_name", "Another seller"],
  ["reminder_days", "{3}"],
];

Deno.test("settings wait for no run: one transaction has invoiced, and one batch", () =>
  withDatabase(async ({ sql, connect }) => {
    const editor = connect();
    await editor`set lock_timeout = '1s'`;
    const change = async () => {
      for (const [column = "", value = ""] of SETTINGS) {
        await editor`update public.billing_settings set ${editor({ [column]: value })}`;
      }
    };
    for (const [client, month] of [[randomUUID(), "2026-07-02"], [randomUUID(), "2026-07-03"]]) {
      await sql`
        insert into public.clients (id, name, started_on)
        values (${client ?? ""}, ${`Acme ${month}`}, '2026-06-01')`;
      await sql`insert into public.billing_config (client_id, minimum_minor)
        values (${client ?? ""}, 1000)`;
      await sql.begin(async (run) => {
        if (month === "2026-07-02") await run`select billing.run_monthly(${month})`;
        else {
          const [{ id } = { id: "" }] = await run<{ id: string }[]>`
            select billing.begin_run(${month ?? ""}) as id`;
          await run`select billing.settle_batch(${id})`;
        }
        await change();
      });
      deepStrictEqual(await invoiceOf(sql, client ?? ""), { status: "open", total: 1000 });
    }
    deepStrictEqual([...await sql`select * from billing.check_invariants('2026-06-01')`], []);
  }));
