import type { Sql } from "postgres";
import { z } from "zod";
import { anchorBefore, type Day, localDays, parseInstant } from "../../shared/rater/calendar.ts";
import type { ChargedSections, CreditEntry, CreditEvent } from "./credit-events.ts";
import { replayCredits } from "./credits.ts";
import { parseDecimal, ZERO } from "../../shared/rater/fraction.ts";
import { clientRow, zoneRow } from "../../shared/rater/world.ts";

const amount = z.string().transform(BigInt);
const instant = z.string().transform(parseInstant);
const names = z.array(z.string()).nullable();

const grantRow = z.object({
  id: z.string(),
  client: z.string(),
  kind: z.string(),
  currency: z.string(),
  amount,
  priority: z.int(),
  granted: instant,
  from: instant,
  until: instant.nullable(),
  metrics: names,
  models: names,
  agents: names,
  continues: z.string().nullable(),
  bought: z.string().nullable(),
  taxed: z.object({
    total: amount,
    rates: z.array(z.coerce.string().transform(parseDecimal)),
  }).nullable(),
});
const invoiceRow = z.object({
  id: z.string(),
  client: z.string(),
  currency: z.string(),
  total: amount,
  period: z.string().nullable(),
  lines: z.array(z.object({
    id: z.string(),
    amount,
    metric: z.string().nullable(),
    model: z.string().nullable(),
    agent: z.string().nullable(),
  })),
});
const sectionRow = z.object({
  start: z.string(),
  currency: z.string(),
  isShort: z.boolean(),
  taxes: z.array(
    z.object({
      rate_percent: z.coerce.string().transform(parseDecimal),
      behavior: z.string(),
      applies_to: z.array(z.string()).nullish(),
    }).transform(({ rate_percent, behavior, applies_to }) => ({
      rate: behavior === "exclusive" ? rate_percent : ZERO,
      contained: behavior === "inclusive" ? rate_percent : ZERO,
      appliesTo: applies_to ?? null,
    })),
  ),
  lines: z.array(z.object({
    invoice: z.string(),
    id: z.string().nullable(),
    kind: z.string(),
    metric: z.string().nullable(),
    model: z.string().nullable(),
    agent: z.string().nullable(),
    amount,
    grant: z.string().nullable(),
  })),
});
const happened = { transaction: z.string(), at: instant };
const eventRow = z.discriminatedUnion("do", [
  z.object({ do: z.literal("grant"), ...happened, grant: grantRow }),
  z.object({ do: z.literal("invoice"), ...happened, invoice: invoiceRow }),
  z.object({ do: z.literal("credit"), ...happened, invoice: z.string(), amount, offDue: amount }),
  z.object({ do: z.literal("void"), ...happened, invoice: z.string() }),
  z.object({ do: z.literal("dispute"), ...happened, invoice: z.string(), amount }),
]);
const sectionsRow = z.object({
  do: z.literal("sections"),
  ...happened,
  client: z.string(),
  sections: z.array(sectionRow),
});
const entryRows = z.array(z.object({
  grant: z.string(),
  kind: z.string(),
  amount,
  tax: amount,
  at: instant,
  line: z.string().nullable(),
}));

/** Places of transactions in the order of their commits, by the microsecond they began in. */
export type CommitOrder = ReadonlyMap<string, number>;

/**
 * What became of credit in the books, and what should have, both in one order. Without an order
 * transactions are taken as they began: right where one session wrote everything.
 */
export async function rateCredits(
  sql: Sql,
  order: CommitOrder = new Map(),
): Promise<{ booked: CreditEntry[]; rated: CreditEntry[] }> {
  const entries = entryRows.parse(
    await sql`
    select grant_id as grant, kind, amount_minor::text as amount, tax_minor::text as tax,
      effective_at::text as at, line_id as line
    from public.credit_entries`,
  );
  if (entries.length === 0) return { booked: [], rated: [] };
  const [rows, days] = await Promise.all([readEvents(sql), readDays(sql)]);
  const place = (transaction: string) => order.get(transaction) ?? Number(transaction);
  // PostgreSQL's order breaks ties: of one instant, by number.
  const events = rows.map((row, position) => ({ ...row, position })).sort((a, b) =>
    place(a.transaction) - place(b.transaction) || Number(a.at - b.at) || a.position - b.position
  );
  const rated = replayCredits(events, {
    dayOf: (client, at) => days.get(client)?.dayOf(at) ?? "infinity",
    periodOf: (client, day) => anchorBefore(day, days.get(client)?.anchor ?? 1),
  });
  return { booked: sorted(entries), rated: sorted(rated) };
}

/** SQL: a transaction is known by when it began, to the microsecond. */
function microseconds(instant: string): string {
  return `(extract(epoch from ${instant}) * 1e6)::bigint::text`;
}

async function readEvents(
  sql: Sql,
): Promise<(CreditEvent & { readonly transaction: string })[]> {
  const posted = sql.unsafe(microseconds("t.posted_at"));
  const rows = await sql`
    select 'grant' as do, ${
    sql.unsafe(microseconds("e.created_at"))
  } as transaction, g.granted_at::text as at, '' as number,
      jsonb_build_object('id', g.id, 'client', g.client_id, 'kind', g.kind, 'currency', g.currency,
        'amount', g.amount_minor::text, 'priority', g.priority, 'granted', g.granted_at::text,
        'from', g.effective_at::text, 'until', g.expires_at::text, 'metrics', g.metrics,
        'models', g.models, 'agents', g.agents, 'continues', g.continues_id,
        'bought', (select p.invoice_id from public.top_ups p where p.id = g.top_up_id), 'taxed', (
          select jsonb_build_object('total', min(i.total_minor)::text,
            'rates', jsonb_agg(l.tax_rate_percent))
          from public.top_ups p
          join public.invoices i on i.id = p.invoice_id
          join public.invoice_lines l on l.invoice_id = i.id and l.tax_behavior = 'inclusive'
          where p.id = g.top_up_id having count(*) > 0)) as grant,
      null::jsonb as invoice, null as amount, null as "offDue"
    from public.credit_grants g
    join public.credit_entries e on e.grant_id = g.id and e.kind = 'grant'
    union all
    select 'invoice', ${posted}, i.finalized_at::text, i.number, null,
      jsonb_build_object('id', i.id, 'client', i.client_id, 'currency', i.currency,
        'total', i.total_minor::text, 'period', case when i.kind = 'period' then i.period_start end,
        'lines', coalesce((select jsonb_agg(jsonb_build_object('id', l.id,
            'amount', l.amount_minor::text, 'metric', l.metric, 'model', l.model,
            'agent', l.agent) order by l.position)
          from public.invoice_lines l where l.invoice_id = i.id and l.amount_minor > 0
            and l.kind in ('usage', 'minimum', 'one_off')), '[]')), null, null
    from public.invoices i
    join billing.ledger_transactions t on t.source_id = i.id and t.kind = 'invoice'
    union all
    select 'credit', ${posted}, n.issued_at::text, n.number, null, to_jsonb(n.invoice_id),
      n.total_minor::text, n.to_invoice_minor::text
    from public.credit_notes n
    join billing.ledger_transactions t on t.source_id = n.id and t.kind = 'credit_note'
    union all
    select 'void', ${posted}, i.voided_at::text, i.number, null, to_jsonb(i.id), null, null
    from public.invoices i
    join billing.ledger_transactions t on t.source_id = i.id and t.kind = 'void'
    union all
    select 'dispute', ${posted}, p.paid_at::text, '', null, to_jsonb(p.invoice_id),
      (-p.amount_minor)::text, null
    from public.payments p
    join billing.ledger_transactions t on t.source_id = p.id and t.kind = 'dispute'
    where p.amount_minor < 0
    order by number`;
  const [events, sections] = [z.array(eventRow).parse(rows), await readSections(sql)];
  const isFirst = ({ do: what }: CreditEvent) => what === "grant" || what === "dispute";
  return [
    ...events.filter(isFirst),
    ...sections,
    ...events.filter((event) => !isFirst(event)),
  ];
}

/**
 * SQL: invoices of section c on which it could be credited once what is booked with it is. Of one
 * transaction what is later is of a later instant.
 */
const ROOMS = `(
  select from public.invoices i
  join billing.ledger_transactions t on t.source_id = i.id and t.kind = 'invoice'
  cross join lateral (
    select coalesce(sum(l.amount_minor), 0) as charged from public.invoice_lines l
    where l.invoice_id = i.id and l.section_start = c.section_start
      and l.tax_behavior is distinct from 'inclusive'
  ) own
  cross join lateral (
    select coalesce(sum(n.total_minor), 0) as minor, coalesce(sum(n.total_minor) filter (
      where exists (select from public.credit_note_lines l where l.credit_note_id = n.id
        and l.section_start = c.section_start)), 0) as own
    from public.credit_notes n
    join billing.ledger_transactions b on b.source_id = n.id and b.kind = 'credit_note'
    where n.invoice_id = i.id and coalesce(n.voided_at > c.at, true)
      and (${microseconds("b.posted_at")}::bigint, n.issued_at) <= (c.transaction::bigint, c.at)
  ) credited
  where i.client_id = c.client_id and coalesce(i.voided_at > c.at, true)
    and (${microseconds("t.posted_at")}::bigint, i.finalized_at) <= (c.transaction::bigint, c.at)
    and least(i.total_minor - credited.minor, own.charged - credited.own) > 0)`;

/** What was booked at once for periods of clients that have promotional credit. */
async function readSections(
  sql: Sql,
): Promise<(ChargedSections & { readonly transaction: string })[]> {
  const posted = sql.unsafe(microseconds("t.posted_at"));
  const rows = await sql`
    with charged as (
      select ${posted} as transaction, i.finalized_at as at, i.client_id, i.currency,
        i.id as invoice_id, l.id, l.section_start, l.kind, l.metric, l.model, l.agent,
        l.amount_minor, l.rating_key
      from public.invoices i
      join billing.ledger_transactions t on t.source_id = i.id and t.kind = 'invoice'
      join public.invoice_lines l on l.invoice_id = i.id
      union all
      select ${posted}, n.issued_at, n.client_id, n.currency, n.invoice_id, null, l.section_start,
        l.kind, l.metric, l.model, l.agent, -l.amount_minor, l.rating_key
      from public.credit_notes n
      join billing.ledger_transactions t on t.source_id = n.id and t.kind = 'credit_note'
      join public.credit_note_lines l on l.credit_note_id = n.id
    ), section as (
      select c.transaction, c.at, c.client_id, jsonb_build_object('start', c.section_start,
        'currency', min(c.currency), 'taxes', (
          select t.taxes from public.billing_periods p
          cross join lateral billing.period_terms(array[(p.client_id, p.period_start,
            p.period_end)::billing.rating_target]) t
          where p.client_id = c.client_id and p.period_start = c.section_start),
        'isShort', bool_or(c.id is null) and not exists (select from ${sql.unsafe(ROOMS)} x),
        'lines', jsonb_agg(jsonb_build_object('invoice', c.invoice_id, 'id', c.id, 'kind', c.kind,
          'metric', c.metric, 'model', c.model, 'agent', c.agent, 'amount', c.amount_minor::text,
          'grant', case when c.kind = 'promotional_credit' then split_part(c.rating_key, '|', 2)
          end))) as says
      from charged c
      where c.section_start is not null and c.kind <> 'tax' and exists (
        select from public.credit_grants g
        where g.client_id = c.client_id and g.kind = 'promotional')
      group by c.transaction, c.at, c.client_id, c.section_start
    )
    select 'sections' as do, transaction, at::text, client_id as client,
      jsonb_agg(says) as sections
    from section group by transaction, at, client_id`;
  return z.array(sectionsRow).parse(rows);
}

async function readDays(
  sql: Sql,
): Promise<Map<string, { readonly dayOf: (at: bigint) => Day; readonly anchor: number }>> {
  const clients = z.array(clientRow).parse(
    await sql`
    select id, external_id, name, time_zone, billing_anchor_day, array[]::text[] as service
    from public.clients`,
  );
  const zones = z.array(zoneRow).parse(
    await sql`
    select client_id, effective_from::text, time_zone from public.client_time_zones`,
  );
  return new Map(
    clients.map((client) => [client.id, {
      dayOf: localDays(client, zones),
      anchor: client.billing_anchor_day,
    }]),
  );
}

function sorted(entries: readonly CreditEntry[]): CreditEntry[] {
  const key = ({ grant, at, kind, line, amount, tax }: CreditEntry) =>
    [grant, String(at).padStart(20), kind, line, amount, tax].join(" ");
  return entries.map((entry) => ({ entry, key: key(entry) }))
    .sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
    .map(({ entry }) => entry);
}
