-- The document of an invoice: one jsonb that holds all a renderer needs and is frozen with it.

-- numeric as a plain decimal string, so that no reader parses it as a float.
create function billing.decimal_text(value numeric) returns text language sql immutable
return trim_scale(value)::text;

-- How usage lines of an invoice's own period divide among agents and days, in minor units. Agents'
-- amounts are shares by quantity, largest remainder first, so they sum to the line exactly.
create function billing.line_shares(invoice_ids uuid[])
returns table (invoice_id uuid, line_id uuid, agent text, amount_minor numeric)
language sql stable set search_path = '' as $$
  with wanted as materialized (
    select i.id, i.client_id, i.period_start, i.period_end
    from public.invoices i where i.id = any (invoice_ids) and i.kind = 'period'
  ), share as (
    select l.invoice_id, l.id as line_id, u.agent, l.amount_minor,
      l.amount_minor * u.quantity / nullif(l.quantity, 0) as exact
    from wanted w
    cross join lateral (select 1) one
    join public.invoice_lines l on l.invoice_id = w.id and l.kind = 'usage' and not l.is_late
    join billing.priced_usage(array(
      select (x.client_id, x.period_start, x.period_end)::billing.rating_target from wanted x)) u
      on u.client_id = w.client_id and u.period_start = w.period_start and u.model = l.model
      and u.metric = l.metric and u.price_id = l.price_id and u.segment_start = l.service_start
      and (l.agent is null or l.agent = u.agent)
  ), ranked as (
    select s.*, floor(s.exact) as whole,
      s.amount_minor - sum(floor(s.exact)) over (partition by s.line_id) as left_over,
      row_number() over (partition by s.line_id order by s.exact - floor(s.exact) desc, s.agent)
        as place
    from share s
  )
  select r.invoice_id, r.line_id, r.agent,
    r.whole + case when r.place <= r.left_over then 1 else 0 end
  from ranked r;
$$;
comment on function billing.line_shares is
  'What each agent''s usage contributes to each usage line; sums to the line.';

create function billing.document_agents(invoice_ids uuid[])
returns table (invoice_id uuid, agents jsonb)
language sql stable set search_path = '' as $$
  with amounts as (
    select s.invoice_id, s.agent, sum(s.amount_minor) as amount_minor
    from billing.line_shares(invoice_ids) s group by s.invoice_id, s.agent
  ), counts as (
    select i.id as invoice_id, r.agent,
      coalesce(sum(r.quantity) filter (where r.metric = 'requests'), 0) as requests,
      coalesce(sum(r.quantity) filter (where r.metric like '%input_tokens'
        or r.metric like '%cache\_%'), 0) as input_tokens,
      coalesce(sum(r.quantity) filter (where r.metric like '%output_tokens'
        or r.metric like '%reasoning_tokens'), 0) as output_tokens,
      coalesce(sum(r.quantity) filter (
        where r.metric <> 'requests' and r.metric not like '%\_tokens'), 0) as other_units
    from public.invoices i join public.usage_records r on r.client_id = i.client_id
      and r.usage_day >= i.period_start and r.usage_day < i.period_end
    where i.id = any (invoice_ids) and i.kind = 'period'
    group by i.id, r.agent
  )
  select c.invoice_id, jsonb_agg(jsonb_build_object(
    'agent', c.agent, 'requests', billing.decimal_text(c.requests),
    'input_tokens', billing.decimal_text(c.input_tokens),
    'output_tokens', billing.decimal_text(c.output_tokens),
    'other_units', billing.decimal_text(c.other_units),
    'amount_minor', coalesce(a.amount_minor, 0)::bigint)
    order by coalesce(a.amount_minor, 0) desc, c.agent)
  from counts c left join amounts a using (invoice_id, agent)
  group by c.invoice_id;
$$;

create function billing.document_days(invoice_ids uuid[])
returns table (invoice_id uuid, days jsonb)
language sql stable set search_path = '' as $$
  with wanted as materialized (
    select i.id, i.client_id, i.period_start, i.period_end
    from public.invoices i where i.id = any (invoice_ids) and i.kind = 'period'
  ), usage as (
    select w.id, r.usage_day,
      coalesce(sum(r.quantity) filter (where r.metric like '%\_tokens'), 0) as tokens,
      coalesce(sum(r.quantity * l.amount_minor / nullif(l.quantity, 0)), 0) as amount
    from wanted w
    join public.usage_records r on r.client_id = w.client_id
      and r.usage_day >= w.period_start and r.usage_day < w.period_end
    left join public.invoice_lines l on l.invoice_id = w.id and l.kind = 'usage'
      and not l.is_late and l.model = r.model and l.metric = r.metric
      and l.service_start <= r.usage_day and r.usage_day < l.service_end
      and (l.agent is null or l.agent = r.agent)
    group by w.id, r.usage_day
  )
  select w.id, jsonb_agg(jsonb_build_object('day', d.day,
    'amount_minor', round(coalesce(u.amount, 0))::bigint,
    'tokens', billing.decimal_text(coalesce(u.tokens, 0))) order by d.day)
  from wanted w
  cross join lateral (
    select (w.period_start + n) as day
    from generate_series(0, w.period_end - w.period_start - 1) n) d
  left join usage u on u.id = w.id and u.usage_day = d.day
  group by w.id;
$$;

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
returns void language sql set search_path = '' as $$
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
    'agents', coalesce(a.agents, '[]'), 'daily', coalesce(d.days, '[]'),
    'notes', case when i.note is null then '[]' else jsonb_build_array(i.note) end,
    'payment_terms_days', i.payment_terms_days, 'payment_url', null)
  from public.invoices self
  join public.clients c on c.id = self.client_id
  join public.currencies cur on cur.code = self.currency
  cross join (select billing.document_seller() as document) seller
  left join billing.document_lines(invoice_ids) l on l.invoice_id = self.id
  left join billing.document_agents(invoice_ids) a on a.invoice_id = self.id
  left join billing.document_days(invoice_ids) d on d.invoice_id = self.id
  where self.id = i.id and i.id = any (invoice_ids);
$$;
comment on function billing.write_documents is
  'Builds invoices.document from the invoice, its lines, client, seller and usage.';

revoke all on all functions in schema billing from public;
