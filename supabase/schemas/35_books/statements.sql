-- Statements of account and the balance of a client.

-- `place` is where a row stands, for pages: it is made of what never changes of an entry, and no
-- two have the same. Entries posted after `posted_until` are left out, however they are dated:
-- pages of one reading are of the same entries, and their balances go on from page to page.
create function billing.statement_entries(client_id uuid, year integer,
  posted_until timestamptz default 'infinity')
returns table (place text[], at timestamptz, entry text, number text, currency text,
  amount_minor numeric, balance_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with entries as (
    select e.*, make_date(year, 1, 1)::timestamp at time zone 'UTC' as year_start,
      make_date(year + 1, 1, 1)::timestamp at time zone 'UTC' as year_end
    from billing.account_entries e
    where e.client_id = statement_entries.client_id
      and e.posted_at <= statement_entries.posted_until
  ), currencies as (
    select distinct e.currency, e.year_start, e.year_end from entries e
  ), rows as (
    select c.year_start as at, 0 as rank, 'opening_balance' as entry, null::text as number,
      c.currency, coalesce((select sum(e.amount_minor) from entries e
        where e.currency = c.currency and e.at < c.year_start), 0) as amount_minor,
      null::uuid as transaction_id
    from currencies c
    union all
    select e.at, e.rank + 1, e.entry, e.number, e.currency, e.amount_minor, e.transaction_id
    from entries e where e.at >= e.year_start and e.at < e.year_end
    union all
    select c.year_end, 0, 'closing_balance', null, c.currency, 0, null from currencies c
  )
  select x.place, r.at, r.entry, r.number, r.currency, r.amount_minor,
    sum(r.amount_minor) over (
      partition by r.currency order by x.place rows unbounded preceding)
  from rows r
  cross join lateral (select array[r.currency,
    to_char(r.at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), r.rank::text,
    (r.number is null)::integer::text, coalesce(r.number, ''), r.entry,
    coalesce(r.transaction_id::text, '')] as place) x
  order by x.place;
$$;
comment on function billing.statement_entries is
  'A client''s account of a year as billing.statement has it, of what was posted until an instant,
   each row with the place that it is sorted by.';
grant execute on function billing.statement_entries(uuid, integer, timestamptz) to service_role;

create function billing.statement(client_id uuid, year integer)
returns table (at timestamptz, entry text, number text, currency text, amount_minor numeric,
  balance_minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.at, s.entry, s.number, s.currency, s.amount_minor, s.balance_minor
  from billing.statement_entries(statement.client_id, statement.year) s order by s.place;
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
