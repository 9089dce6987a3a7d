/**
 * Previews before a run, to be compared with the invoices after it. Granted credit and the balance
 * pay at finalization: a preview says neither.
 */
import postgres from "postgres";
import { z } from "zod";
import type { State } from "./state.ts";

export interface Shown {
  readonly client_id: string;
  readonly period_start: string;
  /** Null where the invoice would be zero. */
  readonly content: string | null;
}

const dueRows = z.array(z.object({ client_id: z.string(), period_start: z.string() }));
const contents = z.array(z.object({ content: z.string().nullable() })).length(1);

/**
 * Previews of two clients of which just one period is to be billed, and is not blocked. Of several
 * the oldest uses credit first, and a preview is of one: also of a month that was skipped and has
 * usage now, which is invoiced as that month.
 */
export async function previewDue({ sql, clients, runs }: State, asOf: string): Promise<Shown[]> {
  await sql`savepoint due`;
  await sql`select _billing.open_periods(${asOf})`;
  await sql`select _billing.rollup()`;
  const due = dueRows.parse(
    await sql`
      select p.client_id, min(p.period_start)::text as period_start from public.billing_periods p
      where p.client_id = any (${[...clients.values()]})
        and (p.state in ('pending', 'blocked') or (p.state = 'skipped' and p.usage_changed)
          or exists (
            select from public.invoices d where d.client_id = p.client_id
              and d.period_start = p.period_start and d.status = 'draft'))
      group by p.client_id having count(*) = 1 and bool_and(p.state = 'pending')
      order by p.client_id`,
  );
  await sql`rollback to savepoint due`;
  const shown: Shown[] = [];
  // A preview takes a fifth of a run: after each run it is the turn of two others.
  const turn = runs * 2 % Math.max(due.length, 1);
  for (
    const { client_id, period_start } of [...due, ...due].slice(
      turn,
      turn + Math.min(due.length, 2),
    )
  ) {
    await sql`savepoint preview`;
    try {
      const [row] = contents.parse(
        await sql`
          select (d.document - '{number,status,issued_on,due_on,totals,references,credits}'::text[]
              || jsonb_build_object('total', d.document #> '{totals,total_minor}'))::text as content
          from (select billing.preview_invoice(${client_id}, ${period_start}, ${asOf}) as document) d`,
      );
      shown.push({ client_id, period_start, content: row?.content ?? null });
    } catch (error) {
      const isBlocked = error instanceof postgres.PostgresError &&
        error.detail === "client_blocked";
      if (!isBlocked) throw error;
    } finally {
      await sql`rollback to savepoint preview`;
    }
  }
  return shown;
}

/** Where what was shown is not what the invoice says now. */
export async function shownAfter({ sql }: State, previews: readonly Shown[]): Promise<string[]> {
  const differing: string[] = [];
  for (const { client_id, period_start, content } of previews) {
    const [row] = contents.parse(
      await sql`
        select (
          select (i.document - '{number,status,issued_on,due_on,totals,references,credits}'::text[]
            || jsonb_build_object('total', i.document #> '{totals,total_minor}'))::text
          from public.invoices i
          where i.client_id = ${client_id} and i.period_start = ${period_start}
            and i.kind = 'period' and i.status <> 'void') as content`,
    );
    if (row?.content !== content) {
      differing.push(`${period_start}: shown ${content}, invoiced ${row?.content}`);
    }
  }
  return differing;
}
