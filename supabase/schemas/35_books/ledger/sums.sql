-- Sums of the accounts that balances are read from, by day and by month of UTC: a balance at any
-- instant is a sum of months, of days and of the entries of one day, however many there are before.
-- `_billing.post` writes them with the entries. ADR 48 says why they are as they are.

create table billing.ledger_sums (
  account_id uuid not null,
  span text not null,
  starts_on date not null,
  amount_minor bigint not null,
  primary key (account_id, span, starts_on),
  constraint ledger_sums_span_known check (span in ('day', 'month')),
  constraint ledger_sums_month_begins check (
    span = 'day' or starts_on = date_trunc('month', starts_on::timestamp))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.02);
comment on table billing.ledger_sums is
  'Sums of the entries of receivable and customer_credit, by day and by month of UTC.';
alter table billing.ledger_sums enable row level security;
revoke all on billing.ledger_sums from public;
grant select on billing.ledger_sums to service_role;

create function billing.ledger_balances(client_id uuid, at timestamptz default 'infinity')
returns table (currency text, kind text, amount_minor numeric)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
declare
  today constant date := (at at time zone 'UTC')::date;
  month constant date := date_trunc('month', today::timestamp);
begin
  return query
  select a.currency, a.kind, sum(x.amount_minor)
  from billing.ledger_accounts a
  cross join lateral (
    select s.amount_minor from billing.ledger_sums s
    where s.account_id = a.id and s.span = 'month' and s.starts_on < month
    union all
    select s.amount_minor from billing.ledger_sums s
    where s.account_id = a.id and s.span = 'day' and s.starts_on >= month and s.starts_on < today
    union all
    select e.amount_minor from billing.ledger_entries e
    where e.account_id = a.id and e.effective_at <= at
      and e.effective_at >= today::timestamp at time zone 'UTC'
  ) x
  where a.client_id = ledger_balances.client_id and a.kind in ('receivable', 'customer_credit')
  group by a.id;
end $$;
comment on function billing.ledger_balances is
  'What a client owes and has at an instant, as its accounts say: debits are more than zero.';
grant execute on function billing.ledger_balances(uuid, timestamptz) to service_role;
