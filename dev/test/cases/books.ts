import type { Sql } from "postgres";
import { z } from "zod";
import type { Clients } from "./play.ts";

const texts = z.array(z.object({ line: z.string() }));

/**
 * The books of these clients as lines a person can check, in this order:
 * - `#1 A open 5000: web_searches 1995, minimum 3005` invoices (drafts as `draft`): total, lines in
 *   their order; `late …` for earlier periods, `… JPY` unless USD, `… due 4000` unless all is due,
 *   `less tax 100` that was due with a purchase, `for #1` when it replaces that one; taxes as `name base amount`; promotional credit with what
 *   it takes off which charges, all grants together;
 * - `#1-CN1 1000: off due 600, balance 400, refund 0, credit 0` credit notes;
 * - `blocked A 2026-06-01 unpriced_usage` what could not be billed;
 * - `balance A 400` credit that the next invoice will take;
 * - `credit A 400 of 1000` what is left of a grant of credit; `expired` before the last invoice;
 * - `tax A owed 2000, ahead 100` where purchases were taxed: what is owed, and what of it is still
 *   to be deducted.
 */
export async function describeBooks(sql: Sql, clients: Clients): Promise<string[]> {
  const ids = [...clients.values()];
  const rows = await sql`
    with said as (
      select l.invoice_id, l.is_late, l.position, l.amount_minor, case l.kind
        when 'usage' then concat_ws('@', concat_ws(' ',
            nullif(l.rate_class, 'standard'), l.metric), l.agent)
        when 'tax' then l.tax_name || ' ' || l.tax_base_minor else l.kind end as what
      from public.invoice_lines l where l.kind <> 'promotional_credit'
      union all
      select l.invoice_id, l.is_late, min(l.position), sum(l.amount_minor),
        'promotion on ' || concat_ws('@', coalesce(l.metric, 'minimum'), l.agent)
      from public.invoice_lines l where l.kind = 'promotional_credit'
      group by l.invoice_id, l.is_late, l.metric, l.model, l.agent
    ), line as (
      select s.invoice_id, string_agg(concat_ws(' ', case when s.is_late then 'late' end, s.what,
        s.amount_minor), ', ' order by s.position) as text
      from said s group by s.invoice_id
    ), shown as (
      select 1 as part, i.number as place, concat(
        coalesce('#' || ltrim(right(i.number, 6), '0') || ' ', ''), c.name, ' ', i.status, ' ',
        case when i.currency <> 'USD' then i.currency || ' ' end, i.total_minor,
        case when i.amount_due_minor <> i.total_minor and i.status <> 'void'
          then ' due ' || i.amount_due_minor end,
        ' less tax ' || (select nullif(-sum(e.tax_minor), 0) from public.credit_entries e
          where e.invoice_id = i.id and e.kind = 'use'),
        case when i.kind <> 'period' then ' ' || i.kind end,
        ' for #' || ltrim(right(o.number, 6), '0'), ': ' || l.text) as line
      from public.invoices i join public.clients c on c.id = i.client_id
      left join public.invoices o on o.id = i.replaces_id
      left join line l on l.invoice_id = i.id
      where i.client_id = any (${ids})
      union all
      select 2, n.number, concat('#', ltrim(substring(n.number from '(\\d{6})-CN'), '0'), '-CN',
        substring(n.number from '-CN(\\d+)'), ' ', n.total_minor, ': ', concat_ws(', ',
          case when n.to_invoice_minor > 0 then 'off due ' || n.to_invoice_minor end,
          case when n.to_balance_minor > 0 then 'balance ' || n.to_balance_minor end,
          case when n.to_refund_minor > 0 then 'refund ' || n.to_refund_minor end,
          case when n.to_grants_minor > 0 then 'credit ' || n.to_grants_minor end))
      from public.credit_notes n where n.client_id = any (${ids})
      union all
      select 3, c.name || p.period_start, concat_ws(' ', 'blocked', c.name, p.period_start, p.reason)
      from public.billing_periods p join public.clients c on c.id = p.client_id
      where p.state = 'blocked' and p.client_id = any (${ids})
      union all
      select 4, c.name, concat_ws(' ', 'balance', c.name,
        case when b.currency <> 'USD' then b.currency end, sum(b.amount_minor))
      from public.balance_entries b join public.clients c on c.id = b.client_id
      where b.client_id = any (${ids})
      group by c.name, b.currency having sum(b.amount_minor) <> 0
      union all
      select 5, c.name || g.granted_at, concat_ws(' ', 'credit', c.name, l.left_minor, 'of',
        g.amount_minor, case when g.expires_at <= (select max(i.finalized_at)
          from public.invoices i where i.client_id = g.client_id) then 'expired' end)
      from public.credit_grants g join public.clients c on c.id = g.client_id
      cross join lateral (
        select sum(e.amount_minor) as left_minor from public.credit_entries e
        where e.grant_id = g.id and e.kind not in ('expiry', 'release', 'reopening')
      ) l
      where g.client_id = any (${ids}) and l.left_minor <> 0
    )
    select s.line from shown s order by s.part, s.place nulls last, s.line`;
  return [...texts.parse(rows).map((row) => row.line), ...await describeTaxes(sql, ids)];
}

async function describeTaxes(sql: Sql, ids: readonly string[]): Promise<string[]> {
  const rows = await sql`
    select format('tax %s owed %s, ahead %s', c.name,
      -sum(e.amount_minor) filter (where a.kind = 'tax_payable'),
      sum(e.amount_minor) filter (where a.kind = 'advance_tax')) as line
    from billing.ledger_accounts a join public.clients c on c.id = a.client_id
    join billing.ledger_entries e on e.account_id = a.id
    where a.client_id = any (${ids}) group by c.name
    having bool_or(a.kind = 'advance_tax') order by c.name`;
  return texts.parse(rows).map((row) => row.line);
}

/** What must be true of any books, whatever happened. Empty when all is well. */
export async function findContradictions(sql: Sql): Promise<string[]> {
  const rows = await sql`
    select 'total is not the sum of lines: ' || coalesce(i.number, i.id::text) as line
    from public.invoices i
    where i.total_minor <> (
      select coalesce(sum(l.amount_minor), 0) from public.invoice_lines l
      where l.invoice_id = i.id and l.tax_behavior is distinct from 'inclusive')
    union all
    select 'credit note is not the sum of its lines: ' || n.number from public.credit_notes n
    where n.total_minor <> (
      select sum(l.amount_minor) from public.credit_note_lines l where l.credit_note_id = n.id
        and not (l.kind = 'tax' and l.rating_key like '%|inclusive'))
    union all
    select 'credited more than invoiced: ' || i.number from public.invoices i
    where i.total_minor < (select sum(n.total_minor) from public.credit_notes n
      where n.invoice_id = i.id)
    union all
    select 'numbers have a gap: ' || max(i.number) from public.invoices i
    where i.number is not null group by left(i.number, -6)
    having max(right(i.number, 6)::integer) <> count(*)
    union all
    select 'records differ from logs: ' || d.metric from billing.usage_discrepancies() d
    union all
    select 'statement does not close on what is due less credit: ' || b.client_id
    from (
      select e.client_id, e.currency, sum(e.amount_minor) as owed
      from billing.account_entries e group by 1, 2
    ) b
    where b.owed <> coalesce((select sum(x.due_minor - x.credit_minor)
      from billing.client_balance(b.client_id) x where x.currency = b.currency), 0)`;
  return texts.parse(rows).map((row) => row.line);
}
