import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { withDatabase } from "../support/june-database.ts";

const AT = "2026-06-02T09:00:00Z";
const SESSIONS = 40;
const TRIGGERS = 200;

Deno.test("200 triggers of a low balance by 40 sessions at once make one recharge", () =>
  withDatabase(async ({ sql, connect }) => {
    const [client] = await sql<{ id: string }[]>`
      insert into public.clients (name, started_on) values ('Acme', '2026-06-01') returning id`;
    const id = client?.id ?? "";
    await sql`insert into public.billing_config (client_id, minimum_minor) values (${id}, 0)`;
    await sql`
      select billing.set_auto_recharge(${id}, 2000, 100000, target_minor => 10000)`;
    const sessions = Array.from({ length: SESSIONS }, connect);
    await Promise.all(sessions.map((session) => session`select 1`));

    const wanted = await Promise.all(
      sessions.flatMap((session) =>
        Array.from(
          { length: TRIGGERS / SESSIONS },
          () => session<{ id: string | null }[]>`select billing.want_recharge(${id}, ${AT}) as id`,
        )
      ),
    );
    strictEqual(wanted.length, TRIGGERS);
    strictEqual(wanted.flat().filter((row) => row.id !== null).length, 1, "one of them is told so");

    // The job is run by all of them at once too: each commits client by client.
    await Promise.all(sessions.map((session) => session`call _billing.recharge_credit(${AT})`));
    deepStrictEqual(
      [
        ...await sql`
          select t.state, t.amount_minor::int, i.status, count(*) over ()::int as all
          from public.top_ups t join public.invoices i on i.id = t.invoice_id`,
      ],
      [{ state: "invoiced", amount_minor: 10000, status: "open", all: 1 }],
      "one recharge with one invoice",
    );

    // Told of the same payment by all: granted once.
    await Promise.all(sessions.map((session) =>
      session`
        select billing.record_payment(t.invoice_id, 10000, ${AT}, 'stripe', 'in_1/10000')
        from public.top_ups t`
    ));
    await Promise.all(sessions.map((session) => session`call _billing.recharge_credit(${AT})`));
    deepStrictEqual(
      [
        ...await sql`
          select t.state, g.amount_minor::int,
            (select count(*)::int from public.top_ups) as top_ups,
            (select live_minor::int from billing.credit_balance(${id}, ${AT})) as live
          from public.top_ups t join public.credit_grants g on g.top_up_id = t.id`,
      ],
      [{ state: "granted", amount_minor: 10000, top_ups: 1, live: 10000 }],
    );
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
  }));
