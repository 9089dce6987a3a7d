-- Usage of the invoices' own periods with the line that charges it (null: no line does). A line
-- covers the days of one price of a model and metric, of one agent where lines are by agent. Read
-- once for all that a document says of usage.
create function _billing.document_usage(invoice_ids uuid[])
returns table (invoice_id uuid, agent text, usage_day date, metric text, quantity numeric,
  line_id uuid, line_quantity numeric, line_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp
set enable_seqscan = off as $$
  with wanted as materialized (
    select i.id, i.client_id, i.period_start, i.period_end
    from public.invoices i where i.id = any (invoice_ids) and i.kind = 'period'
  ), usage as materialized (
    -- Reached by index, invoice by invoice, as in usage_of_targets.
    select w.id, r.agent, r.usage_day, r.model, r.metric, r.rate_class, r.quantity
    from wanted w
    cross join lateral (
      select * from public.usage_records u where u.client_id = w.client_id
        and u.usage_day >= w.period_start and u.usage_day < w.period_end
      offset 0
    ) r
  ), line as materialized (
    select l.id, l.invoice_id, l.model, l.metric, l.rate_class, l.agent, l.service_start,
      l.service_end, l.quantity, l.amount_minor
    from public.invoice_lines l
    where l.invoice_id = any (invoice_ids) and l.kind = 'usage' and not l.is_late
  )
  select u.id, u.agent, u.usage_day, u.metric, u.quantity, l.id, l.quantity, l.amount_minor
  from usage u
  left join line l on l.invoice_id = u.id and l.model = u.model and l.metric = u.metric
    and l.rate_class = u.rate_class
    and l.service_start <= u.usage_day and u.usage_day < l.service_end
    and (l.agent is null or l.agent = u.agent);
$$;
comment on function _billing.document_usage is
  'Usage of invoices'' own periods, each record with the line that charges it.';

-- The parts of documents that say what agents and days cost. Agents' amounts are shares of their
-- lines by quantity, largest remainder first, so they sum to the line exactly; days are rounded.
create function _billing.document_breakdown(invoice_ids uuid[])
returns table (invoice_id uuid, agents json, days json)
language sql stable
set search_path = pg_catalog, pg_temp as $$
  with usage as materialized (
    select * from _billing.document_usage(invoice_ids)
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
      'agent', g.agent, 'requests', _billing.decimal_text(g.requests),
      'input_tokens', _billing.decimal_text(g.input_tokens),
      'output_tokens', _billing.decimal_text(g.output_tokens),
      'other_units', _billing.decimal_text(g.other_units),
      'amount_minor', coalesce(a.minor, 0)::bigint)
      order by coalesce(a.minor, 0) desc, g.agent) as agents
    from agent g left join amount a on a.invoice_id = g.invoice_id and a.agent = g.agent
    group by g.invoice_id
  ), daily as (
    select u.invoice_id, u.usage_day,
      _billing.decimal_text(
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
comment on function _billing.document_breakdown is
  'What agents and days of each invoice''s own period used and cost.';
