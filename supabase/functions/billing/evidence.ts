import type { PendingQuery, Row } from "postgres";
import { invoiceEvidence } from "../../../shared/api/evidence.ts";
import { endpoint } from "../_shared/api/endpoint.ts";
import { cursorKeys, pageOf, type PageRow } from "./api/page.ts";
import { found } from "./api/rows.ts";
import type { Session } from "../_shared/api/session.ts";

interface Billed {
  readonly id: string;
  readonly client_id: string;
  readonly kind: string;
  readonly start: string | null;
  readonly end: string | null;
  /** Logs that came later are of later invoices. */
  readonly written_at: string | null;
}

/** What an invoice was computed from, to compute it again. */
export const evidenceEndpoints = [
  endpoint(invoiceEvidence, async (session, { params: { invoice_id }, query }) => {
    // With the caller's rights: a member finds issued invoices of their clients alone.
    found(
      await session.sql`select from public.invoices i where i.id = ${invoice_id}::text::uuid`,
    );
    await session.asService();
    return await evidenceOf(session, invoice_id, query);
  }),
];

/** As the service; whether the caller may see the invoice is to be known before. */
export async function evidenceOf(
  session: Session,
  invoiceId: string,
  query: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<unknown> {
  const invoice = found(
    await session.sql<Billed[]>`
    select i.id, i.client_id, i.kind, i.period_start::text as start, i.period_end::text as end,
      -- Under a clock that was set back the row's own time is the later one.
      case when i.finalized_at is not null
        then greatest(i.finalized_at, i.created_at) end::text as written_at
    from public.invoices i where i.id = ${invoiceId}::text::uuid`,
  );
  const { kind, start, end, written_at } = invoice;
  if (kind !== "period" || start === null || end === null || written_at === null) {
    return { facts: null, logs: [], next_cursor: null };
  }
  const billed = { ...invoice, start, end, written_at };
  const { data, next_cursor } = await logsOf(session, billed, query);
  const facts = query.cursor === undefined ? await factsOf(session, billed) : null;
  return { facts, logs: data, next_cursor };
}

type Period = Billed & {
  readonly start: string;
  readonly end: string;
  readonly written_at: string;
};

/**
 * A page of the rows that may be the client's, of which those that are come with what decides how
 * they are counted and priced: of what agents note beside a call no more than that. Paged before
 * they are attributed, so that a page costs what a page holds.
 */
async function logsOf(
  { sql }: Session,
  { id, client_id, start, end, written_at }: Period,
  query: { readonly limit: number; readonly cursor?: string | undefined },
) {
  const after = cursorKeys(query.cursor, 2);
  const rows = await sql<PageRow[]>`
    with named as materialized (
      select unnest('{client_id,cache_read_tokens,cache_write_tokens,reasoning_tokens,counting,
        negates,restates}'::text[]) as name
      union select jsonb_object_keys(c.metadata) from billing.rate_class_conditions c
    ), candidate as materialized (
      select l.* from public.agent_usage_logs l
      -- A client's day reaches two days beyond that of UTC at most.
      where l."timestamp" >= (${start}::text::date - 2)::timestamp at time zone 'UTC'
        and l."timestamp" < (${end}::text::date + 2)::timestamp at time zone 'UTC'
        and (l.client_id is null or l.client_id = ${client_id}::text::uuid)
        and l.agent in (select r.agent from public.usage_records r
          where r.client_id = ${client_id}::text::uuid
            and r.usage_day >= ${start}::text::date and r.usage_day < ${end}::text::date)
        and l.created_at <= ${written_at}::text::timestamptz
        and (${after?.[0] ?? null}::text is null or (l."timestamp", l.id)
          > (${after?.[0] ?? null}::text::timestamptz, ${after?.[1] ?? null}::text::uuid))
      order by l."timestamp", l.id limit ${query.limit + 1}
    ), mine as materialized (
      select a.id from billing.attributed_logs a
      where a.id = any ((select array_agg(c.id) from candidate c)::uuid[])
        and a.client_id = ${client_id}::text::uuid and a.reason is null
        and a.usage_day >= ${start}::text::date and a.usage_day < ${end}::text::date
    ), at_cost as materialized (
      select distinct i.model from public.invoice_lines i join public.prices p on p.id = i.price_id
      where i.invoice_id = ${id}::text::uuid and i.section_start = ${start}::text::date
        and p.cost_basis <> 'list'
    )
    select case when m.id is not null then jsonb_build_object('id', l.id, 'agent', l.agent,
        'model', l.model,
        'input_tokens', l.input_tokens::text, 'output_tokens', l.output_tokens::text,
        'web_searches', l.web_searches::text, 'other_features', l.other_features::text,
        'metadata', (select coalesce(jsonb_object_agg(x.key, x.value), '{}')::text
          from jsonb_each(l.metadata) x where x.key in (select n.name from named n)),
        'timestamp', l."timestamp"::text, 'client_id', l.client_id,
        'corrects_id', l.corrects_id, 'calls', l.calls::text)
        -- What a call cost is told where the invoice charges its model by that.
        || case when l.model in (select c.model from at_cost c)
          then jsonb_build_object('input_cost', coalesce(l.input_cost, 0)::text,
            'output_cost', coalesce(l.output_cost, 0)::text,
            'total_cost', coalesce(l.total_cost, 0)::text)
          else '{}' end end as item,
      array[l."timestamp"::text, l.id::text] as keys
    from candidate l left join mine m on m.id = l.id
    order by l."timestamp", l.id`;
  const { data, next_cursor } = pageOf(rows, query.limit);
  return { data: data.filter((item) => item !== null), next_cursor };
}

async function factsOf({ sql }: Session, { id, client_id, start, end }: Period): Promise<unknown> {
  const client = sql`${client_id}::text::uuid`;
  const overlaps = sql`x.effective_from < ${end}::text::date
    and x.effective_until > ${start}::text::date`;
  const mineOrAll = sql`(x.client_id is null or x.client_id = ${client})`;
  const rows = await sql<{ facts: unknown }[]>`
    with used as materialized (
      select distinct r.model from public.usage_records r where r.client_id = ${client}
        and r.usage_day >= ${start}::text::date and r.usage_day < ${end}::text::date
    ), price as materialized (
      select x.* from public.prices x where ${mineOrAll} and ${overlaps}
        and (x.model is null or x.model in (select u.model from used u))
    )
    select jsonb_build_object(
      'period', jsonb_build_object('start', ${start}::text, 'end', ${end}::text,
        'anchor', c.billing_anchor_day),
      'items', (select coalesce(jsonb_agg((i.quantity * i.unit_amount)::text), '[]')
        from public.invoice_items i
        where i.client_id = c.id and i.section_start = ${start}::text::date),
      'meters', (select coalesce(jsonb_agg(jsonb_build_object('client_id', x.client_id,
          'metric', x.metric, 'rate_class', x.rate_class, 'model', x.model,
          'effective_from', x.effective_from::text, 'effective_until', x.effective_until::text)),
        '[]') from public.stripe_meters x where x.client_id = c.id and ${overlaps}),
      'promotional', (select coalesce(jsonb_agg(jsonb_build_object(
          'amount_minor', (-l.amount_minor)::text, 'metric', l.metric, 'model', l.model,
          'agent', l.agent) order by l.position), '[]')
        from public.invoice_lines l
        where l.invoice_id = ${id}::text::uuid and l.kind = 'promotional_credit'
          and not l.is_late and l.amount_minor < 0),
      'world', jsonb_build_object(
        'clients', jsonb_build_array(jsonb_build_object('id', c.id, 'external_id', c.external_id,
          'name', c.name, 'time_zone', c.time_zone, 'billing_anchor_day', c.billing_anchor_day,
          'service', (select coalesce(jsonb_agg(jsonb_build_object(
              'starts_on', s.starts_on::text, 'ends_on', s.ends_on::text)), '[]')
            from public.service_intervals s where s.client_id = c.id))),
        'zones', (select coalesce(jsonb_agg(jsonb_build_object('client_id', z.client_id,
            'effective_from', z.effective_from::text, 'time_zone', z.time_zone)), '[]')
          from public.client_time_zones z where z.client_id = c.id),
        'assignments', (select coalesce(jsonb_agg(jsonb_build_object('agent', a.agent,
            'client_id', a.client_id, 'starts_at', a.starts_at::text,
            'ends_at', a.ends_at::text)), '[]')
          from public.agent_assignments a where a.client_id = c.id),
        'default_client_id', (select s.default_client_id from public.billing_settings s
          where s.default_client_id = c.id),
        'max_units_per_event', (select s.max_units_per_event::text
          from public.billing_settings s),
        'models', (select coalesce(jsonb_agg(jsonb_build_object('id', m.id, 'family', m.family,
            'provider', m.provider, 'long_context_above', m.long_context_above::text,
            'long_context_2_above', m.long_context_2_above::text,
            'long_context_3_above', m.long_context_3_above::text)), '[]')
          from public.models m where m.id in (select u.model from used u)),
        'providers', (select jsonb_agg(jsonb_build_object('id', p.id,
            'cache_read_within_input', p.cache_read_within_input,
            'cache_write_within_input', p.cache_write_within_input,
            'reasoning_within_output', p.reasoning_within_output)) from public.providers p),
        'currencies', (select jsonb_agg(jsonb_build_object('code', y.code,
            'exponent', y.exponent)) from public.currencies y),
        ${pricingOf(sql, mineOrAll, overlaps)})) as facts
    from public.clients c where c.id = ${client}`;
  return found(rows).facts;
}

/** What usage is priced by, as fields of the world; `used` and `price` are of the query around it. */
function pricingOf(
  sql: Session["sql"],
  mineOrAll: PendingQuery<Row[]>,
  overlaps: PendingQuery<Row[]>,
) {
  return sql`
    'prices', (select coalesce(jsonb_agg(to_jsonb(x) || jsonb_build_object(
        'unit_amount', x.unit_amount::text, 'per_units', x.per_units::text,
        'tiers', x.tiers::text, 'free_units', x.free_units::text,
        'class_multipliers', x.class_multipliers::text,
        'markup_percent', x.markup_percent::text, 'effective_from', x.effective_from::text,
        'effective_until', x.effective_until::text)), '[]') from price x),
    -- What a provider charges, where the client's price is that and more.
    'list_prices', (select coalesce(jsonb_agg(jsonb_build_object('id', x.id::text,
        'model', x.model, 'metric', x.metric, 'rate_class', x.rate_class,
        'amount', x.amount::text, 'effective_from', x.effective_from::text,
        'effective_until', x.effective_until::text)), '[]')
      from public.list_prices x where ${overlaps} and x.model in (select u.model from used u)
        and exists (select from price p where p.pricing_model = 'cost_plus')),
    'config', (select coalesce(jsonb_agg(jsonb_build_object('client_id', x.client_id,
        'effective_from', x.effective_from::text, 'effective_until', x.effective_until::text,
        'currency', x.currency, 'minimum_minor', x.minimum_minor::text,
        'discount_percent', x.discount_percent::text,
        'discount_minor', x.discount_minor::text, 'discount_until', x.discount_until::text,
        'taxes', x.taxes::text, 'line_grouping', x.line_grouping)), '[]')
      from public.billing_config x where ${mineOrAll} and ${overlaps}),
    'unbilled_metrics', (select coalesce(jsonb_agg(n.metric), '[]')
      from billing.unbilled_metrics n),
    'rate_classes', (select coalesce(jsonb_agg(jsonb_build_object('place', k.place,
        'rate_class', k.rate_class, 'metadata', k.metadata::text,
        'thresholds', k.thresholds)), '[]')
      from billing.rate_class_conditions k)`;
}
