-- Moving in, 8: a month side by side: what the earlier system would have billed and what is billed
-- here, item by item, with the reason of each difference. Reads; its changes are rolled back.

-- The earlier rule: tokens of Sonnet and Opus and searches of a UTC month, of logs that name the
-- client in their metadata, at the client's rates, else those of the earlier price list; the sum is
-- rounded once and filled up to the minimum.
create or replace function billing_adoption.earlier_items(month date)
returns table (client_id uuid, item text, quantity numeric, amount numeric)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return query execute format($q$
    with used as (
      select k.client_id, k.old_id, case when l.model ilike '%%opus%%' then 'claude-opus'
          when l.model ilike '%%sonnet%%' then 'claude-sonnet' end as family,
        sum(l.input_tokens)::numeric as input, sum(l.output_tokens)::numeric as output,
        sum(l.web_searches)::numeric as searches
      from %s l join billing_adoption.clients k on k.old_id = l.metadata ->> 'client_id'
      where l."timestamp" >= %L and l."timestamp" < %L group by 1, 2, 3
    ), counted as (
      select u.client_id, u.old_id, x.family, x.metric, sum(x.quantity) as quantity
      from used u cross join lateral (values (u.family, 'input_tokens', u.input),
        (u.family, 'output_tokens', u.output), (null, 'web_searches', u.searches))
        x(family, metric, quantity)
      where x.metric = 'web_searches' or x.family is not null
      group by 1, 2, 3, 4 having sum(x.quantity) <> 0
    )
    select c.client_id, concat_ws(' ', c.family, c.metric), c.quantity,
      c.quantity * coalesce(t.amount / t.per_units, d.rate / d.per)
    from counted c
    join (values ('claude-sonnet', 'input_tokens', 3.00, 1000000), ('claude-sonnet',
        'output_tokens', 15.00, 1000000), ('claude-opus', 'input_tokens', 15.00, 1000000),
        ('claude-opus', 'output_tokens', 75.00, 1000000), (null, 'web_searches', 0.01, 1))
      d(family, metric, rate, per)
      on d.family is not distinct from c.family and d.metric = c.metric
    left join billing_adoption.read_terms() t on t.old_client = c.old_id and t.problem is null
      and t.what = 'price' and t.family is not distinct from c.family and t.metric = c.metric$q$,
    coalesce(to_regclass('billing_before.all_usage_logs'),
      to_regclass('public.agent_usage_logs')),
    month::timestamp at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
end $$;
comment on function billing_adoption.earlier_items is
  'What the earlier system would have charged for in a month, by client.';

-- What is charged here, of a month before a client's first day as if it had begun before it.
create or replace function billing_adoption.items_here(month date)
returns table (client_id uuid, item text, quantity numeric, amount numeric)
language plpgsql set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  found jsonb;
begin
  begin
    perform _billing.rollup_if_free();
    update public.clients c set started_on = items_here.month
    where c.started_on > items_here.month and c.status = 'active'
      and c.id in (select k.client_id from billing_adoption.clients k);
    select jsonb_agg(to_jsonb(r)) into found from (
      select l.client_id, case when l.kind = 'usage'
          then concat_ws(' ', m.family_of, l.metric) else l.kind end as item,
        sum(l.quantity) filter (where l.kind = 'usage') as quantity,
        sum(l.amount_minor) / 10 ^ max(u.exponent) as amount
      from billing_adoption.clients k
      cross join lateral _billing.rate_periods(array[(k.client_id, items_here.month,
        (items_here.month + interval '1 month')::date)::billing.rating_target]) l
      left join lateral (select case when l.metric ~ 'tokens$' then coalesce((select m.family
        from public.models m where m.id = l.model), l.model) end as family_of) m on true
      join lateral billing.config_on(array[l.client_id], array[items_here.month]) g on true
      join public.currencies u on u.code = g.currency
      where l.amount_minor <> 0 or l.kind = 'usage'
      group by 1, 2) r;
    raise exception using errcode = 'LB000', message = 'rolled back';
  exception when sqlstate 'LB000' then
    null;
  end;
  return query select r.client_id, r.item, r.quantity, r.amount
  from jsonb_to_recordset(coalesce(found, '[]'))
    r(client_id uuid, item text, quantity numeric, amount numeric);
end $$;
comment on function billing_adoption.items_here is 'What is charged here in a month, by client.';

-- What of a client and month the earlier rule did not see as it is seen here.
create or replace function billing_adoption.counted_otherwise(client_id uuid, month date)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(nullif(concat_ws('; ',
    (select 'its days are those of ' || c.time_zone from public.clients c
      where c.id = counted_otherwise.client_id and c.time_zone <> 'UTC'),
    (select format('%s logs name no client and are its by assignment', count(*))
      from billing.attributed_logs l
      where l.client_id = counted_otherwise.client_id and l.claim is null
        and l."timestamp" >= month and l."timestamp" < month + interval '1 month'
      having count(*) > 0),
    (select format('%s logs have cached or reasoning tokens, which have prices of their own',
        count(*))
      from billing.attributed_logs l
      where l.client_id = counted_otherwise.client_id
        and (l.cache_read <> 0 or l.cache_write <> 0 or l.reasoning <> 0)
        and l."timestamp" >= month and l."timestamp" < month + interval '1 month'
      having count(*) > 0),
    (select format('%s logs were corrected', count(*)) from public.agent_usage_logs l
      where l.corrects_id is not null
        and l."timestamp" >= month and l."timestamp" < month + interval '1 month'
      having count(*) > 0)), ''),
    'logs that were not taken, or that are not counted yet (the rollup runs each minute)');
$$;
comment on function billing_adoption.counted_otherwise is 'Why quantities of a month differ.';

create or replace function billing_adoption.compare_month(month date)
returns table (client text, item text, quantity_before numeric, quantity_here numeric,
  amount_before numeric, amount_here numeric, difference numeric, why text)
language sql volatile set search_path = pg_catalog, pg_temp as $$
  with earlier as materialized (
    select * from billing_adoption.earlier_items(compare_month.month)
  ), here as materialized (
    select * from billing_adoption.items_here(compare_month.month)
  ), sums as (
    select k.client_id, coalesce(sum(e.amount), 0) as amount, coalesce((select max(t.amount)
        from billing_adoption.read_terms() t where t.old_client = k.old_id
          and t.what = 'minimum' and t.problem is null), 50) as minimum
    from billing_adoption.clients k left join earlier e on e.client_id = k.client_id
    group by k.client_id, k.old_id
  ), before as (
    select e.client_id, e.item, e.quantity, e.amount from earlier e
    union all
    select s.client_id, 'rounding of the sum', null, round(s.amount, 2) - s.amount from sums s
    union all
    select s.client_id, 'minimum', null, greatest(s.minimum - round(s.amount, 2), 0) from sums s
    where s.amount > 0
  ), lines as (
    select client_id, item, b.quantity as quantity_before, h.quantity as quantity_here,
      coalesce(b.amount, 0) as amount_before, coalesce(h.amount, 0) as amount_here,
      b.client_id is null as is_new, h.client_id is null as is_gone
    from before b full join here h using (client_id, item)
  )
  select c.name, l.item, l.quantity_before, l.quantity_here, l.amount_before, l.amount_here,
    l.amount_here - l.amount_before,
    case
      when l.amount_here = l.amount_before then null
      when l.item = 'rounding of the sum' then 'the earlier sum was rounded once, lines here are '
        || 'rounded one by one'
      when l.item = 'minimum' then 'the gap to the minimum follows from the other items, '
        || 'the days of service and the minimum that was agreed'
      when l.item in ('tax', 'discount', 'one_off') then 'the earlier system had none'
      when l.is_new then 'the earlier price list had no price for it'
      when l.is_gone then billing_adoption.counted_otherwise(l.client_id, compare_month.month)
      when l.quantity_here <> l.quantity_before
        then billing_adoption.counted_otherwise(l.client_id, compare_month.month)
      when abs(l.amount_here - l.amount_before) < 0.05 then 'lines are rounded to cents here'
      else 'another price holds here' end
  from lines l join public.clients c on c.id = l.client_id
  union all
  select c.name, 'total', null, null, sum(l.amount_before), sum(l.amount_here),
    sum(l.amount_here) - sum(l.amount_before), (select format('invoiced before as %s: %s',
        string_agg(e.number, ', '), sum(e.amount)) from billing_adoption.earlier_invoices() e
      join billing_adoption.clients k on k.old_id = e.old_client
      where k.client_id = c.id and e.month = compare_month.month and e.is_issued
      having count(*) > 0)
  from lines l join public.clients c on c.id = l.client_id group by c.id, c.name
  order by 1, 2;
$$;
comment on function billing_adoption.compare_month is
  'A month as the earlier system would have billed it and as it is billed here.';
