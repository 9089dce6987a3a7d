-- The lines of an invoice as its document shows them.

-- What is left of promotional grants, less what drafts will use of them, and what is to be taken
-- again. As in burning_credits, drafts of blocked periods are made anew and use nothing yet.
create function _billing.promotional_left(grant_ids uuid[])
returns table (grant_id uuid, left_minor bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp
set enable_nestloop = on as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
begin
  if grant_ids = '{}' then
    return;
  end if;
  return query
  with credit as materialized (
    select g.id, g.client_id from public.credit_grants g where g.id = any (grant_ids)
  ), drafted as materialized (
    select i.id, _billing.grant_of(l.rating_key) as grant_id, sum(l.amount_minor) as minor
    from public.invoices i
    join public.invoice_lines l on l.invoice_id = i.id and l.kind = 'promotional_credit'
    where i.client_id in (select c.client_id from credit c) and i.status = 'draft'
      and not exists (
        select from public.billing_periods p
        where i.kind = 'period' and p.client_id = i.client_id
          and p.period_start = i.period_start and p.state = 'blocked')
    group by i.id, 2
  )
  select c.id, sum(x.minor)::bigint
  from credit c
  join (
    select e.grant_id, e.amount_minor as minor from public.credit_entries e
    where e.grant_id = any (grant_ids) and e.kind not in ('expiry', 'release', 'reopening')
    union all
    select d.grant_id, d.minor from drafted d
    -- Of an invoice that is being issued, the use is booked.
    where not exists (
      select from public.credit_entries e where e.invoice_id = d.id and e.grant_id = d.grant_id)
    union all
    select a.grant_id, -a.amount_minor
    from _billing.credit_to_take_again(array(select distinct c.client_id from credit c)) a
  ) x on x.grant_id = c.id
  group by c.id;
end $$;
comment on function _billing.promotional_left is
  'What is left of promotional grants once all drafts are issued.';

-- What is left of a grant, as a document says it: of credit that has expired nothing is left, and
-- the rest has expired with it, unless it still pays a period whose invoice is not among these.
create function _billing.document_rest(client_id uuid, expires_at timestamptz, left_minor bigint,
  invoice_ids uuid[]) returns jsonb
language sql stable
return case when expires_at <= billing.as_of() and left_minor > 0
    and not _billing.pays_after_expiry(client_id, expires_at, invoice_ids)
  then jsonb_build_object('left_minor', 0, 'expired_minor', left_minor)
  else jsonb_build_object('left_minor', left_minor) end;
comment on function _billing.document_rest is
  'The part of documents that says what is left of a grant of credit, or has expired of it.';

create function _billing.document_lines(invoice_ids uuid[])
returns table (invoice_id uuid, lines json, discounts json, taxes json)
language sql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off as $$
  with line as materialized (
    -- Put together as text, which takes a third of the time of building JSON value by value.
    select l.* from public.invoice_lines l where l.invoice_id = any (invoice_ids)
  ), charged as (
    select l.invoice_id, ('[' || string_agg(concat(
        '{"kind":"', case when l.is_late then 'late_' end, l.kind,
        '","description":', _billing.json_text(l.description),
        ',"detail":', _billing.json_text(l.detail),
        ',"period":', coalesce('{"start":"' || l.service_start || '","end":"' || l.service_end
          || '"}', 'null'),
        ',"agent":', _billing.json_text(l.agent),
        -- An agent's 0.1 + 0.2 is 0.30000000000000004: exact in the books, 0.3 on paper.
        ',"quantity":', _billing.json_digits(round(l.quantity, 9)),
        ',"unit":', case when l.metric like '%\_tokens' then '"tokens"'
          when l.metric = 'web_searches' then '"searches"'
          when l.metric is not null then '"units"' else 'null' end,
        ',"unit_price":', _billing.json_digits(l.unit_amount),
        ',"per":', _billing.json_digits(l.per_units),
        ',"amount_minor":', l.amount_minor,
        ',"tiers":', case when l.tiers is null then 'null' else (
          select json_agg(json_build_object('up_to', t ->> 'up_to', 'unit_price',
            t ->> 'unit_amount', 'flat_amount', coalesce(t ->> 'flat_amount', '0')))::text
          from jsonb_array_elements(l.tiers) t) end, '}'),
      ',' order by l.position) || ']')::json as lines
    from line l where l.kind in ('usage', 'minimum', 'one_off', 'top_up')
    group by l.invoice_id
  ), promoted as (
    -- All that a grant takes off a period, once: its lines say of which charges.
    select l.invoice_id, _billing.grant_of(l.rating_key) as grant_id, l.description,
      sum(l.amount_minor) as amount_minor, min(l.position) as position
    from line l where l.kind = 'promotional_credit'
    group by l.invoice_id, 2, l.description having sum(l.amount_minor) <> 0
  ), discounted as (
    select x.invoice_id, json_agg(x.discount order by x.position) as discounts
    from (
      select l.invoice_id, l.position, jsonb_build_object('description', l.description,
        'amount_minor', l.amount_minor) as discount
      from line l where l.kind = 'discount'
      union all
      -- Of promotional credit with what is left of the grant.
      select p.invoice_id, p.position, jsonb_build_object('description', p.description,
        'amount_minor', p.amount_minor)
        || _billing.document_rest(g.client_id, g.expires_at, r.left_minor, invoice_ids)
      from promoted p
      join _billing.promotional_left(array(select y.grant_id from promoted y)) r
        on r.grant_id = p.grant_id
      cross join lateral (
        select * from public.credit_grants n where n.id = p.grant_id offset 0) g
    ) x
    group by x.invoice_id
  ), taxed as (
    select l.invoice_id, json_agg(json_build_object('name', l.tax_name,
      'rate_percent', _billing.decimal_text(l.tax_rate_percent), 'behavior', l.tax_behavior,
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
