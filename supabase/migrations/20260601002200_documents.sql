-- The document of an invoice: one jsonb that holds all a renderer needs and is frozen with it.

-- numeric as a plain decimal string, so that no reader parses it as a float.
create function billing.decimal_text(value numeric) returns text language sql immutable
return trim_scale(value)::text;

-- Usage of the invoices' own periods with the line that charges it (null: no line does). A line
-- covers the days of one price of a model and metric, of one agent where lines are by agent. Read
-- once for all that a document says of usage.
create function billing.document_usage(invoice_ids uuid[])
returns table (invoice_id uuid, agent text, usage_day date, metric text, quantity numeric,
  line_id uuid, line_quantity numeric, line_minor bigint)
language sql stable set search_path = '' set enable_nestloop = off set enable_mergejoin = off as $$
  with wanted as materialized (
    select i.id, i.client_id, i.period_start, i.period_end
    from public.invoices i where i.id = any (invoice_ids) and i.kind = 'period'
  ), usage as materialized (
    -- Reached by index, invoice by invoice, as in usage_of_targets.
    select w.id, r.agent, r.usage_day, r.model, r.metric, r.quantity
    from wanted w
    cross join lateral (
      select * from public.usage_records u where u.client_id = w.client_id
        and u.usage_day >= w.period_start and u.usage_day < w.period_end
      offset 0
    ) r
  ), line as materialized (
    select l.* from public.invoice_lines l
    where l.invoice_id = any (invoice_ids) and l.kind = 'usage' and not l.is_late
  )
  select u.id, u.agent, u.usage_day, u.metric, u.quantity, l.id, l.quantity, l.amount_minor
  from usage u
  left join line l on l.invoice_id = u.id and l.model = u.model and l.metric = u.metric
    and l.service_start <= u.usage_day and u.usage_day < l.service_end
    and (l.agent is null or l.agent = u.agent);
$$;
comment on function billing.document_usage is
  'Usage of invoices'' own periods, each record with the line that charges it.';

-- The parts of documents that say what agents and days cost. Agents' amounts are shares of their
-- lines by quantity, largest remainder first, so they sum to the line exactly; days are rounded.
create function billing.document_breakdown(invoice_ids uuid[])
returns table (invoice_id uuid, agents jsonb, days jsonb)
language sql stable set search_path = '' set enable_nestloop = off as $$
  with usage as materialized (
    select * from billing.document_usage(invoice_ids)
  ), share as (
    select u.invoice_id, u.line_id, u.agent, u.line_minor,
      u.line_minor * sum(u.quantity) / nullif(u.line_quantity, 0) as exact
    from usage u where u.line_id is not null
    group by u.invoice_id, u.line_id, u.agent, u.line_minor, u.line_quantity
  ), ranked as (
    select s.*, floor(s.exact) as whole,
      s.line_minor - sum(floor(s.exact)) over (partition by s.line_id) as left_over,
      row_number() over (partition by s.line_id order by s.exact - floor(s.exact) desc, s.agent)
        as place
    from share s
  ), amount as (
    select r.invoice_id, r.agent,
      sum(r.whole + case when r.place <= r.left_over then 1 else 0 end) as minor
    from ranked r group by r.invoice_id, r.agent
  ), agent as (
    select u.invoice_id, u.agent,
      coalesce(sum(u.quantity) filter (where u.metric = 'requests'), 0) as requests,
      coalesce(sum(u.quantity) filter (where u.metric like '%input_tokens'
        or u.metric like '%cache\_%'), 0) as input_tokens,
      coalesce(sum(u.quantity) filter (where u.metric like '%output_tokens'
        or u.metric like '%reasoning_tokens'), 0) as output_tokens,
      coalesce(sum(u.quantity) filter (
        where u.metric <> 'requests' and u.metric not like '%\_tokens'), 0) as other_units
    from usage u group by u.invoice_id, u.agent
  ), agents as (
    select g.invoice_id, jsonb_agg(jsonb_build_object(
      'agent', g.agent, 'requests', billing.decimal_text(g.requests),
      'input_tokens', billing.decimal_text(g.input_tokens),
      'output_tokens', billing.decimal_text(g.output_tokens),
      'other_units', billing.decimal_text(g.other_units),
      'amount_minor', coalesce(a.minor, 0)::bigint)
      order by coalesce(a.minor, 0) desc, g.agent) as agents
    from agent g left join amount a on a.invoice_id = g.invoice_id and a.agent = g.agent
    group by g.invoice_id
  ), daily as (
    select u.invoice_id, u.usage_day,
      coalesce(sum(u.quantity) filter (where u.metric like '%\_tokens'), 0) as tokens,
      coalesce(sum(u.quantity * u.line_minor / nullif(u.line_quantity, 0)), 0) as amount
    from usage u group by u.invoice_id, u.usage_day
  ), days as (
    select i.id as invoice_id, jsonb_agg(jsonb_build_object('day', s.day::date,
      'amount_minor', round(coalesce(d.amount, 0))::bigint,
      'tokens', billing.decimal_text(coalesce(d.tokens, 0))) order by s.day) as days
    from public.invoices i
    cross join lateral generate_series(i.period_start, i.period_end - 1, interval '1 day') s(day)
    left join daily d on d.invoice_id = i.id and d.usage_day = s.day::date
    where i.id = any (invoice_ids) and i.kind = 'period'
    group by i.id
  )
  select d.invoice_id, a.agents, d.days
  from days d left join agents a on a.invoice_id = d.invoice_id;
$$;
comment on function billing.document_breakdown is
  'What agents and days of each invoice''s own period used and cost.';

create function billing.document_lines(invoice_ids uuid[])
returns table (invoice_id uuid, lines jsonb, discounts jsonb, taxes jsonb)
language sql stable set search_path = '' as $$
  select l.invoice_id,
    coalesce(jsonb_agg(jsonb_build_object('kind',
        case when l.is_late then 'late_' || l.kind else l.kind end,
        'description', l.description, 'detail', l.detail,
        'period', case when l.service_start is not null then
          jsonb_build_object('start', l.service_start, 'end', l.service_end) end,
        'agent', l.agent, 'quantity', billing.decimal_text(l.quantity),
        'unit', case when l.metric like '%\_tokens' then 'tokens'
          when l.metric = 'web_searches' then 'searches' when l.metric is not null then 'units' end,
        'unit_price', billing.decimal_text(l.unit_amount),
        'per', billing.decimal_text(l.per_units), 'amount_minor', l.amount_minor,
        'tiers', (select jsonb_agg(jsonb_build_object('up_to', t ->> 'up_to',
            'unit_price', t ->> 'unit_amount', 'flat_amount', coalesce(t ->> 'flat_amount', '0')))
          from jsonb_array_elements(l.tiers) t))
      order by l.position) filter (where l.kind in ('usage', 'minimum', 'one_off')), '[]'),
    coalesce(jsonb_agg(jsonb_build_object('description', l.description,
        'amount_minor', l.amount_minor)
      order by l.position) filter (where l.kind = 'discount'), '[]'),
    coalesce(jsonb_agg(jsonb_build_object('name', l.tax_name,
        'rate_percent', billing.decimal_text(l.tax_rate_percent), 'behavior', l.tax_behavior,
        'base_minor', l.tax_base_minor, 'amount_minor', l.amount_minor, 'note', l.tax_note)
      order by l.position) filter (where l.kind = 'tax'), '[]')
  from public.invoice_lines l where l.invoice_id = any (invoice_ids)
  group by l.invoice_id;
$$;

create function billing.document_seller() returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object('name', s.seller_name, 'address', to_jsonb(s.seller_address),
    'email', s.seller_email, 'tax_id', s.seller_tax_id, 'website', s.seller_website,
    'payment_instructions', s.payment_instructions, 'footer', s.invoice_footer)
  from public.billing_settings s;
$$;

create function billing.document_client(client_id uuid) returns jsonb
language sql stable set search_path = '' as $$
  select jsonb_build_object('id', c.id, 'name', c.name, 'address', to_jsonb(c.address),
    'email', c.email, 'tax_id', c.tax_id, 'external_id', c.external_id)
  from public.clients c where c.id = document_client.client_id;
$$;

-- Writes the documents of these drafts (or of invoices that are being finalized).
create function billing.write_documents(invoice_ids uuid[])
returns void language sql set search_path = '' set enable_nestloop = off as $$
  update public.invoices i set document = jsonb_build_object(
    'version', 1, 'kind', 'invoice', 'number', i.number, 'status', i.status,
    'currency', i.currency, 'exponent', cur.exponent,
    'issued_on', i.issued_on, 'due_on', i.due_on,
    'period', case when i.kind = 'period' then jsonb_build_object(
      'start', i.period_start, 'end', i.period_end, 'time_zone', (
        select z.time_zone from public.client_time_zones z
        where z.client_id = i.client_id and z.effective_from < i.period_end
        order by z.effective_from desc limit 1)) end,
    'references', jsonb_build_object('invoice_number', null,
      'replaces', (select o.number from public.invoices o where o.id = i.replaces_id),
      'reason', null),
    'locale', c.locale, 'paper', c.paper,
    'seller', seller.document, 'client', billing.document_client(c.id),
    'lines', l.lines, 'discounts', l.discounts, 'taxes', l.taxes,
    'totals', jsonb_build_object('subtotal_minor', i.subtotal_minor,
      'discount_minor', i.discount_minor, 'tax_minor', i.tax_minor,
      'tax_included_minor', i.tax_included_minor, 'total_minor', i.total_minor,
      'balance_applied_minor', i.balance_applied_minor, 'amount_due_minor', i.amount_due_minor),
    'agents', coalesce(b.agents, '[]'), 'daily', coalesce(b.days, '[]'),
    'notes', case when i.note is null then '[]' else jsonb_build_array(i.note) end,
    'payment_terms_days', i.payment_terms_days, 'payment_url', null)
  from public.invoices self
  join public.clients c on c.id = self.client_id
  join public.currencies cur on cur.code = self.currency
  cross join (select billing.document_seller() as document) seller
  left join billing.document_lines(invoice_ids) l on l.invoice_id = self.id
  left join billing.document_breakdown(invoice_ids) b on b.invoice_id = self.id
  where self.id = i.id and i.id = any (invoice_ids);
$$;
comment on function billing.write_documents is
  'Builds invoices.document from the invoice, its lines, client, seller and usage.';

revoke all on all functions in schema billing from public;
