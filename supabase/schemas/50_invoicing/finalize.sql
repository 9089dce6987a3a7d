-- Finalizing: number, balance, freeze; all of it or nothing.

-- What grants pay of each of these invoices, and how much of each client's balance it takes after
-- them, in order.
create function _billing.balance_to_apply(ids uuid[], uses _billing.grant_use[] default '{}')
returns table (invoice_id uuid, granted bigint, applied bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with due as (
    -- A top-up is paid with money alone.
    select i.id, i.client_id, i.currency, x.place, coalesce(u.minor, 0) as granted,
      case i.kind when 'top_up' then 0 else i.total_minor - coalesce(u.minor, 0) end as minor
    from unnest(ids) with ordinality x(id, place)
    join public.invoices i on i.id = x.id
    left join (
      select u.invoice_id, sum(u.amount_minor) as minor from unnest(uses) u group by u.invoice_id
    ) u on u.invoice_id = i.id
  ), balance as materialized (
    -- Of all clients at once, so that nobody's entries are read for the invoice of another.
    select b.client_id, b.currency, sum(b.amount_minor) as minor
    from public.balance_entries b
    where b.client_id = any (array(select d.client_id from due d))
    group by b.client_id, b.currency
  )
  select d.id, d.granted::bigint, least(d.minor, greatest(coalesce(b.minor, 0)
    - (sum(d.minor) over (partition by d.client_id, d.currency order by d.place)
      - d.minor), 0))::bigint
  from due d
  left join balance b on b.client_id = d.client_id and b.currency = d.currency;
$$;

-- Which period each item on these drafts belongs to from now on. Before terms are held and numbers
-- taken: an editor of an item holds its row until the commit, which waits for the terms.
create function _billing.settle_items(invoice_ids uuid[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  -- By id, so that items of long ago are not looked at.
  with settled as materialized (
    select _billing.item_of(l.rating_key) as id, l.section_start
    from public.invoice_lines l
    where l.invoice_id = any (invoice_ids) and l.kind = 'one_off' and l.section_start is not null
      and _billing.item_of(l.rating_key) is not null
  )
  update public.invoice_items t
  set section_start = (select l.section_start from settled l where l.id = t.id)
  where t.id = any (array(select l.id from settled l order by l.id)) and t.section_start is null;
$$;
comment on function _billing.settle_items is 'Notes the period of each item on these drafts.';

-- Finalizes drafts of clients that the caller has locked, at terms that it holds: open, or paid
-- where grants and the client's balance cover all of it. The row is written once, document
-- included: what it says and what the columns say is one statement.
create function _billing.finalize_invoices(invoice_ids uuid[], as_of timestamptz default now())
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  -- The day an invoice is issued is the seller's: UTC.
  today constant date := (as_of at time zone 'UTC')::date;
  ids uuid[];
  uses _billing.grant_use[];
  issues _billing.issue[];
  series text;
  seller jsonb;
  before_first integer;
begin
  select array_agg(i.id order by c.name, i.period_start, i.id) into ids
  from public.invoices i join public.clients c on c.id = i.client_id
  where i.id = any (invoice_ids) and i.status = 'draft';
  if ids is null then
    return 0;
  end if;
  perform _billing.assert_lock_order(4);
  perform _billing.use_promotional_credit(ids, as_of);
  uses := _billing.grants_to_use(ids, as_of);
  perform _billing.use_credit(uses, as_of);
  -- Read once, before the counter is waited for: settings change while a run is open, and all
  -- numbers of a batch are of one series, and of the seller that its documents name.
  select s.number_series, _billing.document_seller() into series, seller
  from public.billing_settings s;
  before_first := _billing.allocate_invoice_numbers(today, cardinality(ids), series);
  select array_agg((d.id, format('%s-%s-%s', series, extract(year from today),
      case when before_first + x.place < 1000000
        then lpad((before_first + x.place)::text, 6, '0')
        else (before_first + x.place)::text end),
    case when d.total_minor = a.granted + a.applied then 'paid' else 'open' end, today,
    today + d.payment_terms_days, a.granted + a.applied)::_billing.issue) into issues
  from unnest(ids) with ordinality x(id, place)
  join public.invoices d on d.id = x.id
  join _billing.balance_to_apply(ids, uses) a on a.invoice_id = x.id;
  update public.invoices i set
    number = f.number, status = f.status, finalized_at = as_of, issued_on = f.issued_on,
    due_on = f.due_on, balance_applied_minor = f.balance_applied_minor,
    paid_at = case when f.status = 'paid' then as_of end, document = d.document
  from unnest(issues) f
  join _billing.documents_of(ids, issues, seller) d on d.invoice_id = f.invoice_id
  where i.id = f.invoice_id;
  insert into public.balance_entries
    (client_id, currency, amount_minor, reason, invoice_id, created_at)
  select i.client_id, i.currency, x.granted - i.balance_applied_minor, 'applied', i.id, as_of
  from public.invoices i
  cross join lateral (
    select coalesce(sum(u.amount_minor), 0)::bigint as granted from unnest(uses) u
    where u.invoice_id = i.id
  ) x
  where i.id = any (ids) and i.balance_applied_minor > x.granted;
  update public.billing_periods p
  set state = 'invoiced', reason = null, message = null, updated_at = as_of, settled_at = as_of
  from public.invoices i
  where i.id = any (ids) and i.kind = 'period' and p.client_id = i.client_id
    and p.period_start = i.period_start;
  return cardinality(ids);
end $$;
comment on function _billing.finalize_invoices is
  'Numbers and freezes drafts, in order of client name; returns how many.';
