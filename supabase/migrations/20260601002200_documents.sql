-- The document of an invoice: one jsonb that holds all a renderer needs and is frozen with it.

-- numeric as a plain decimal string, so that no reader parses it as a float.
create function billing.decimal_text(value numeric) returns text language sql immutable
return trim_scale(value)::text;

-- Parts of JSON as text: what has been escaped, and digits, which need no escaping.
create function billing.json_text(value text) returns text language sql stable
return coalesce(to_json(value)::text, 'null');

create function billing.json_digits(value numeric) returns text language sql immutable
return coalesce('"' || trim_scale(value)::text || '"', 'null');

-- Usage of the invoices' own periods with the line that charges it (null: no line does). A line
-- covers the days of one price of a model and metric, of one agent where lines are by agent. Read
-- once for all that a document says of usage.
create function billing.document_usage(invoice_ids uuid[])
returns table (invoice_id uuid, agent text, usage_day date, metric text, quantity numeric,
  line_id uuid, line_quantity numeric, line_minor bigint)
language sql stable set search_path = ''
set enable_seqscan = off set enable_nestloop = off set enable_mergejoin = off as $$
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
    select l.id, l.invoice_id, l.model, l.metric, l.agent, l.service_start, l.service_end,
      l.quantity, l.amount_minor
    from public.invoice_lines l
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
returns table (invoice_id uuid, agents json, days json)
language sql stable set search_path = '' set enable_nestloop = off set enable_mergejoin = off as $$
  with usage as materialized (
    select * from billing.document_usage(invoice_ids)
  ), share as materialized (
    select u.invoice_id, u.line_id, u.agent, min(u.line_minor) as line_minor,
      min(u.line_quantity) as line_quantity, sum(u.quantity) as quantity
    from usage u where u.line_id is not null
    group by u.invoice_id, u.line_id, u.agent
  ), shared as materialized (
    -- Most lines are of one agent, which has all of it.
    select s.line_id from share s group by s.line_id
    having count(*) > 1 or min(s.quantity) <> min(s.line_quantity)
  ), ranked as (
    select s.*, floor(s.exact) as whole,
      s.line_minor - sum(floor(s.exact)) over (partition by s.line_id) as left_over,
      row_number() over (partition by s.line_id order by s.exact - floor(s.exact) desc, s.agent)
        as place
    from (
      select s.invoice_id, s.line_id, s.agent, s.line_minor,
        s.line_minor * s.quantity / nullif(s.line_quantity, 0) as exact
      from share s where s.line_id in (select d.line_id from shared d)
    ) s
  ), amount as (
    select x.invoice_id, x.agent, sum(x.minor) as minor
    from (
      select r.invoice_id, r.agent,
        r.whole + case when r.place <= r.left_over then 1 else 0 end as minor
      from ranked r
      union all
      select s.invoice_id, s.agent, s.line_minor from share s
      where s.line_id not in (select d.line_id from shared d)
    ) x
    group by x.invoice_id, x.agent
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
    select g.invoice_id, json_agg(json_build_object(
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
      billing.decimal_text(
        coalesce(sum(u.quantity) filter (where u.metric like '%\_tokens'), 0)) as tokens,
      round(coalesce(sum(u.quantity * u.line_minor / nullif(u.line_quantity, 0)), 0))::text
        as minor
    from usage u group by u.invoice_id, u.usage_day
  ), calendar as materialized (
    -- Most periods are the same.
    select p.period_start, p.period_end, s.day::date as day,
      format('{"day":"%s","amount_minor":', s.day::date) as opening
    from (select distinct i.period_start, i.period_end from public.invoices i
      where i.id = any (invoice_ids) and i.kind = 'period') p
    cross join lateral generate_series(p.period_start, p.period_end - 1, interval '1 day') s(day)
  ), days as (
    -- Digits and days need no escaping: put together as text, cast once.
    select i.id as invoice_id, ('[' || string_agg(c.opening || coalesce(d.minor, '0')
      || ',"tokens":"' || coalesce(d.tokens, '0') || '"}', ',' order by c.day) || ']')::json as days
    from public.invoices i
    join calendar c on c.period_start = i.period_start and c.period_end = i.period_end
    left join daily d on d.invoice_id = i.id and d.usage_day = c.day
    where i.id = any (invoice_ids) and i.kind = 'period'
    group by i.id
  )
  select d.invoice_id, a.agents, d.days
  from days d left join agents a on a.invoice_id = d.invoice_id;
$$;
comment on function billing.document_breakdown is
  'What agents and days of each invoice''s own period used and cost.';

create function billing.document_lines(invoice_ids uuid[])
returns table (invoice_id uuid, lines json, discounts json, taxes json)
language sql stable
set search_path = '' set enable_seqscan = off set enable_nestloop = off as $$
  with line as materialized (
    -- Put together as text, which takes a third of the time of building JSON value by value.
    select l.* from public.invoice_lines l where l.invoice_id = any (invoice_ids)
  ), charged as (
    select l.invoice_id, ('[' || string_agg(concat(
        '{"kind":"', case when l.is_late then 'late_' end, l.kind,
        '","description":', billing.json_text(l.description),
        ',"detail":', billing.json_text(l.detail),
        ',"period":', coalesce('{"start":"' || l.service_start || '","end":"' || l.service_end
          || '"}', 'null'),
        ',"agent":', billing.json_text(l.agent),
        ',"quantity":', billing.json_digits(l.quantity),
        ',"unit":', case when l.metric like '%\_tokens' then '"tokens"'
          when l.metric = 'web_searches' then '"searches"'
          when l.metric is not null then '"units"' else 'null' end,
        ',"unit_price":', billing.json_digits(l.unit_amount),
        ',"per":', billing.json_digits(l.per_units),
        ',"amount_minor":', l.amount_minor,
        ',"tiers":', case when l.tiers is null then 'null' else (
          select json_agg(json_build_object('up_to', t ->> 'up_to', 'unit_price',
            t ->> 'unit_amount', 'flat_amount', coalesce(t ->> 'flat_amount', '0')))::text
          from jsonb_array_elements(l.tiers) t) end, '}'),
      ',' order by l.position) || ']')::json as lines
    from line l where l.kind in ('usage', 'minimum', 'one_off')
    group by l.invoice_id
  ), discounted as (
    select l.invoice_id, json_agg(json_build_object('description', l.description,
      'amount_minor', l.amount_minor) order by l.position) as discounts
    from line l where l.kind = 'discount' group by l.invoice_id
  ), taxed as (
    select l.invoice_id, json_agg(json_build_object('name', l.tax_name,
      'rate_percent', billing.decimal_text(l.tax_rate_percent), 'behavior', l.tax_behavior,
      'base_minor', l.tax_base_minor, 'amount_minor', l.amount_minor, 'note', l.tax_note)
      order by l.position) as taxes
    from line l where l.kind = 'tax' group by l.invoice_id
  )
  select i.id, coalesce(c.lines, '[]'), coalesce(d.discounts, '[]'), coalesce(t.taxes, '[]')
  from unnest(invoice_ids) i(id)
  left join charged c on c.invoice_id = i.id
  left join discounted d on d.invoice_id = i.id
  left join taxed t on t.invoice_id = i.id;
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

-- What an invoice will have got when it is issued.
create type billing.issue as (invoice_id uuid, number text, status text, issued_on date,
  due_on date, balance_applied_minor bigint);

-- Documents of invoices as they are, or as `issues` will make them. Put together as JSON text and
-- read once: parts that are jsonb are taken apart and built anew on each level that they go into.
create function billing.documents_of(invoice_ids uuid[], issues billing.issue[] default '{}')
returns table (invoice_id uuid, document jsonb)
language sql stable set search_path = '' set enable_nestloop = off set enable_mergejoin = off as $$
  with seller as materialized (
    select billing.document_seller()::json as document
  ), zones as materialized (
    select distinct on (i.id) i.id, z.time_zone
    from public.invoices i
    join public.client_time_zones z
      on z.client_id = i.client_id and z.effective_from < i.period_end
    where i.id = any (invoice_ids) and i.kind = 'period'
    order by i.id, z.effective_from desc
  )
  select i.id, json_build_object(
    'version', 1, 'kind', 'invoice', 'number', x.number, 'status', x.status,
    'currency', i.currency, 'exponent', cur.exponent,
    'issued_on', x.issued_on, 'due_on', x.due_on,
    'period', case when i.kind = 'period' then json_build_object(
      'start', i.period_start, 'end', i.period_end, 'time_zone', z.time_zone) end,
    'references', json_build_object('invoice_number', null, 'replaces',
      case when i.replaces_id is not null then (
        select o.number from public.invoices o where o.id = i.replaces_id) end,
      'reason', null),
    'locale', c.locale, 'paper', c.paper, 'seller', seller.document,
    'client', json_build_object('id', c.id, 'name', c.name, 'address', c.address,
      'email', c.email, 'tax_id', c.tax_id, 'external_id', c.external_id),
    'lines', l.lines, 'discounts', l.discounts, 'taxes', l.taxes,
    'totals', json_build_object('subtotal_minor', i.subtotal_minor,
      'discount_minor', i.discount_minor, 'tax_minor', i.tax_minor,
      'tax_included_minor', i.tax_included_minor, 'total_minor', i.total_minor,
      'balance_applied_minor', x.applied,
      'amount_due_minor', i.amount_due_minor + i.balance_applied_minor - x.applied),
    'agents', coalesce(b.agents, '[]'), 'daily', coalesce(b.days, '[]'),
    'notes', case when i.note is null then '[]' else json_build_array(i.note) end,
    'payment_terms_days', i.payment_terms_days, 'payment_url', null)::jsonb
  from public.invoices i
  join public.clients c on c.id = i.client_id
  join public.currencies cur on cur.code = i.currency
  cross join seller
  join billing.document_lines(invoice_ids) l on l.invoice_id = i.id
  left join billing.document_breakdown(invoice_ids) b on b.invoice_id = i.id
  left join zones z on z.id = i.id
  left join unnest(issues) f on f.invoice_id = i.id
  cross join lateral (select coalesce(f.number, i.number) as number,
    coalesce(f.status, i.status) as status, coalesce(f.issued_on, i.issued_on) as issued_on,
    coalesce(f.due_on, i.due_on) as due_on,
    coalesce(f.balance_applied_minor, i.balance_applied_minor) as applied) x
  where i.id = any (invoice_ids);
$$;
comment on function billing.documents_of is
  'Documents of invoices, from the invoice, its lines, client, seller and usage.';

-- Writes the documents of drafts.
create function billing.write_documents(invoice_ids uuid[])
returns void language sql set search_path = '' as $$
  update public.invoices i set document = d.document
  from billing.documents_of(invoice_ids) d where i.id = d.invoice_id;
$$;
comment on function billing.write_documents is 'Writes invoices.document of drafts.';

revoke all on all functions in schema billing from public;
