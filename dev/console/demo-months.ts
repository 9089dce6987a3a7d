import type { Sql } from "postgres";
import { june2026 } from "../test/support/june/june.ts";
import { copyLogs, loadClients } from "../test/support/june/load.ts";
import type { DemoLog } from "../test/support/june/log.ts";
import { runMonth } from "../test/support/june/month.ts";

/** The external id of the client that the customer sees. */
const SHOWN = "liffey-legal";

/**
 * Loads the demo's June 2026 with its clients, runs it, repeats it as last month and this month so
 * far, and runs all months that are over. Returns a client to look at.
 */
export async function loadDemoMonths(sql: Sql, now: Date): Promise<string> {
  const june = june2026();
  await loadClients(sql, june);
  await copyLogs(sql, [...june.bulk, ...june.posted, ...june.inserted], () => {});
  await runMonth(sql);
  await payHalf(sql);
  const calls = [...june.bulk, ...june.inserted];
  const until = now.toISOString().slice(0, 19);
  const last = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1));
  for (const month of [last, now].map((date) => date.toISOString().slice(0, 7))) {
    if (month > "2026-06") await copyLogs(sql, inMonth(calls, month, until), () => {});
  }
  await sql`select billing.count_usage()`;
  await sql`select billing.run_monthly(${now.toISOString()}::timestamptz)`;
  await addCredit(sql);
  // As the jobs of a quarter of an hour would have done by now.
  await sql`select billing.refresh_dashboards()`;
  await sql`select billing.count_quarantine()`;
  const [client] = await sql<{ id: string }[]>`
    select id from public.clients where external_id = ${SHOWN}`;
  if (client === undefined) throw new Error("the demo has lost a client");
  return client.id;
}

/** A budget, credit of both kinds and a top-up of the client that the customer sees. */
async function addCredit(sql: Sql): Promise<void> {
  await sql`
    with client as (select id from public.clients where external_id = ${SHOWN}), budget as (
      insert into public.client_budgets (client_id, amount_minor) select id, 15000 from client
    )
    select billing.grant_credit(id, 25000, reference => 'demo prepaid'),
      billing.grant_credit(id, 2500, kind => 'promotional', reference => 'demo welcome',
        expires_on => (now() + interval '90 days')::date),
      billing.request_top_up(id, 5000, reference => 'demo top-up')
    from client`;
}

/** June's calls as those of another month, `2026-10`, up to an instant. */
export function inMonth(calls: readonly DemoLog[], month: string, until: string): DemoLog[] {
  const last = new Date(`${month}-01T00:00:00Z`);
  last.setUTCMonth(last.getUTCMonth() + 1, 0);
  const end = last.toISOString().slice(0, 10);
  return calls
    .filter(({ timestamp }) => timestamp.startsWith("2026-06"))
    .map(({ id: _, timestamp, ...call }) => ({ ...call, timestamp: month + timestamp.slice(7) }))
    .filter(({ timestamp }) => timestamp.slice(0, 10) <= end && timestamp < until);
}

/** Every second invoice is paid a week after it was issued. */
async function payHalf(sql: Sql): Promise<void> {
  await sql`
    select billing.record_payment(i.id, i.amount_due_minor, i.finalized_at + interval '7 days',
      'bank transfer', 'demo ' || i.number)
    from (select *, row_number() over (order by number) as place from public.invoices
      where status = 'open' and amount_due_minor > 0) i
    where i.place % 2 = 1`;
}
