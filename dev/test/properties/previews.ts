import type { Sql } from "postgres";
import { z } from "zod";

/** What a client pays for, without what only an issued invoice has (number, days, balance). */
export interface Shown {
  readonly client_id: string;
  readonly period_start: string;
  /** Null where the invoice would be zero. */
  readonly content: string | null;
}

const shownRows = z.array(
  z.object({ client_id: z.string(), period_start: z.string(), content: z.string().nullable() }),
);

/** Previews of each client that has just one period to be billed at `asOf`. */
export async function previewDue(sql: Sql, ids: readonly string[], asOf: string) {
  await sql`savepoint preview`;
  await sql`select _billing.open_periods(${asOf})`;
  const due = await sql`
    select p.client_id, min(p.period_start)::text as period_start from public.billing_periods p
    where p.client_id = any (${ids}) and p.state = 'pending'
    group by p.client_id having count(*) = 1`;
  await sql`rollback to savepoint preview`;
  const shown: Shown[] = [];
  for (const { client_id, period_start } of due) {
    const rows = await sql`
      select ${client_id}::text as client_id, ${period_start}::text as period_start,
        (d.document - '{number,status,issued_on,due_on,totals,references}'::text[]
          || jsonb_build_object('total', d.document #> '{totals,total_minor}'))::text as content
      from (select billing.preview_invoice(${client_id}, ${period_start}, ${asOf}) as document) d`;
    shown.push(...shownRows.parse(rows));
  }
  return shown;
}

/** What the invoices of these periods show after the run. */
export async function invoicesOf(sql: Sql, previews: readonly Shown[]): Promise<Shown[]> {
  const shown: Shown[] = [];
  for (const { client_id, period_start } of previews) {
    const rows = await sql`
      select ${client_id}::text as client_id, ${period_start}::text as period_start, (
        select (i.document - '{number,status,issued_on,due_on,totals,references}'::text[]
          || jsonb_build_object('total', i.document #> '{totals,total_minor}'))::text
        from public.invoices i
        where i.client_id = ${client_id} and i.period_start = ${period_start}) as content`;
    shown.push(...shownRows.parse(rows));
  }
  return shown;
}
