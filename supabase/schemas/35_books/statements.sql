-- Statements of account and the balance of a client.

create function billing.statement(client_id uuid, year integer)
returns table (at timestamptz, entry text, number text, currency text, amount_minor numeric,
  balance_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with entries as (
    select e.*, make_date(year, 1, 1)::timestamp at time zone 'UTC' as year_start,
      make_date(year + 1, 1, 1)::timestamp at time zone 'UTC' as year_end
    from billing.account_entries e where e.client_id = statement.client_id
  ), currencies as (
    select distinct e.currency, e.year_start, e.year_end from entries e
  ), rows as (
    select c.year_start as at, 0 as rank, 'opening_balance' as entry, null::text as number,
      c.currency, coalesce((select sum(e.amount_minor) from entries e
        where e.currency = c.currency and e.at < c.year_start), 0) as amount_minor
    from currencies c
    union all
    select e.at, e.rank, e.entry, e.number, e.currency, e.amount_minor
    from entries e where e.at >= e.year_start and e.at < e.year_end
    union all
    select c.year_end, 9, 'closing_balance', null, c.currency, 0 from currencies c
  )
  select r.at, r.entry, r.number, r.currency, r.amount_minor,
    sum(r.amount_minor) over (
      partition by r.currency order by r.at, r.rank, r.number, r.entry
      rows unbounded preceding)
  from rows r
  order by r.currency, r.at, r.rank, r.number, r.entry;
$$;
comment on function billing.statement is
  'A client''s account of a year: opening balance, every entry, closing balance; per currency.
   A positive balance is owed by the client, a negative one is credit.';
grant execute on function billing.statement(uuid, integer) to service_role;

create function billing.client_balance(client_id uuid)
returns table (currency text, credit_minor numeric, due_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select b.currency, -coalesce(sum(b.amount_minor) filter (where b.kind = 'customer_credit'), 0),
    coalesce(sum(b.amount_minor) filter (where b.kind = 'receivable'), 0)
  from billing.ledger_balances(client_balance.client_id) b
  group by b.currency
  having bool_or(b.kind = 'customer_credit') or sum(b.amount_minor) <> 0;
$$;
comment on function billing.client_balance is
  'Credit that the next invoices will take, and what is due on open ones.';
grant execute on function billing.client_balance(uuid) to service_role;
