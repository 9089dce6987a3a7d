import type { Sql } from "postgres";
import { z } from "zod";

const rows = z.array(z.object({ line: z.string() }));

/**
 * What happened to the clients that violations name, by themselves or by a grant: no world of two
 * sessions can be lived again, so this is all that there will be to look at.
 */
export async function historyOf(sql: Sql, violations: readonly string[]): Promise<string[]> {
  const named = violations.flatMap((text) =>
    text.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g) ?? []
  );
  const lines = rows.parse(
    await sql`
    with client as (
      select distinct c.id from public.clients c
      left join public.credit_grants g on g.client_id = c.id
      where array[c.id, g.id]::text[] && ${named}::text[]
    ), row as (
      select 'act' as what, to_jsonb(a) as row from public.credit_acts a
      where a.client in (select id from client) or a.act = 'month'
      union all
      select 'grant', to_jsonb(g) from public.credit_grants g
      where g.client_id in (select id from client)
      union all
      select 'entry', to_jsonb(e) from public.credit_entries e
      where e.client_id in (select id from client)
      union all
      select 'invoice', to_jsonb(i) - 'document' from public.invoices i
      where i.client_id in (select id from client)
      union all
      select 'payment', to_jsonb(p) from public.payments p
      where p.client_id in (select id from client)
      union all
      select 'note', to_jsonb(n) - 'document' from public.credit_notes n
      where n.client_id in (select id from client)
      union all
      select 'period', to_jsonb(b) from public.billing_periods b
      where b.client_id in (select id from client)
      union all
      select 'posted', to_jsonb(t) from billing.ledger_transactions t
      where t.source_id in (
        select i.id from public.invoices i where i.client_id in (select id from client)
        union all
        select n.id from public.credit_notes n where n.client_id in (select id from client)
        union all
        select p.id from public.payments p where p.client_id in (select id from client))
    )
    select concat_ws(' ', coalesce(row ->> 'began', (extract(epoch from coalesce(
        row ->> 'posted_at', row ->> 'created_at')::timestamptz) * 1e6)::bigint::text, '-'),
      what, row) as line
    from row order by line`,
  );
  return lines.map(({ line }) => line);
}
