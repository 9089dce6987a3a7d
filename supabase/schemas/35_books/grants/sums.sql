-- Sums of what became of grants, as those of the ledger: a grant counts from when it may be used,
-- which is another time than the one it is posted at. Promotional credit pays nothing and is not in
-- them.

-- The spans that an instant is in.
create function _billing.spans_of(at timestamptz)
returns table (span text, starts_on date) language sql immutable
set search_path = pg_catalog, pg_temp as $$
  values ('day', (at at time zone 'UTC')::date),
    ('month', date_trunc('month', at at time zone 'UTC')::date);
$$;
comment on function _billing.spans_of is 'The day and the month of UTC that an instant is in.';

create table billing.credit_sums (
  client_id uuid not null references public.clients (id),
  currency text not null references public.currencies (code),
  span text not null,
  starts_on date not null,
  amount_minor bigint not null,
  primary key (client_id, span, starts_on, currency),
  constraint credit_sums_span_known check (span in ('day', 'month')),
  constraint credit_sums_month_begins check (
    span = 'day' or starts_on = date_trunc('month', starts_on::timestamp))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table billing.credit_sums is
  'Sums of credit_entries, by day and by month of UTC in which they are effective; promotional
   credit is in none.';
create index credit_sums_currency on billing.credit_sums (currency);
alter table billing.credit_sums enable row level security;
revoke all on billing.credit_sums from public;
grant select on billing.credit_sums to service_role;

create function _billing.sum_credit_entries() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into billing.credit_sums as s (client_id, currency, span, starts_on, amount_minor)
  select n.client_id, n.currency, x.span, x.starts_on, sum(n.amount_minor)
  from new_rows n
  join public.credit_grants g on g.id = n.grant_id and g.kind <> 'promotional'
  cross join lateral _billing.spans_of(n.effective_at) x
  group by n.client_id, n.currency, x.span, x.starts_on
  order by n.client_id, n.currency, x.span, x.starts_on
  on conflict (client_id, span, starts_on, currency)
    do update set amount_minor = s.amount_minor + excluded.amount_minor;
  return null;
end $$;
comment on function _billing.sum_credit_entries is
  'Adds the entries of this statement to the sums of their days and months.';

create trigger sum_credit_entries after insert on public.credit_entries
  referencing new table as new_rows
  for each statement execute function _billing.sum_credit_entries();
