-- The one function that writes the ledger.

-- An amount from one account to another. Transfers of one kind and source are one transaction. An
-- amount below zero moves the other way.
create type _billing.ledger_transfer as (
  kind text,
  source_id uuid,
  invoice_id uuid,
  client_id uuid,
  currency text,
  effective_at timestamptz,
  debit text,
  credit text,
  amount_minor bigint,
  processor text
);

-- The entries of transfers: one for each transaction and account.
create function _billing.entries_of(transfers _billing.ledger_transfer[])
returns table (transaction_id uuid, kind text, source_id uuid, invoice_id uuid,
  effective_at timestamptz, account_id uuid, client_id uuid, currency text, account_kind text,
  processor text, amount_minor bigint)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
-- plpgsql keeps the plan: planning takes longer than reading.
#variable_conflict use_column
begin
  return query
  select _billing.ledger_id(s.kind, s.source_id), s.kind, s.source_id, s.invoice_id,
    s.effective_at, _billing.account_id(s.client_id, s.currency, s.account, s.processor),
    s.client_id, s.currency, s.account, s.processor, s.amount_minor
  from (
    select t.kind, t.source_id, t.invoice_id, t.effective_at, t.client_id, t.currency, x.account,
      x.processor, sum(x.amount_minor)::bigint as amount_minor
    from unnest(transfers) t
    cross join lateral (values
      (t.debit, case when t.debit = 'cash' then t.processor end, t.amount_minor),
      (t.credit, case when t.credit = 'cash' then t.processor end, -t.amount_minor)
    ) x(account, processor, amount_minor)
    group by 1, 2, 3, 4, 5, 6, 7, 8
  ) s;
end $$;
comment on function _billing.entries_of is 'What transfers debit and credit.';

-- Posts transactions that are not posted yet. One that is posted already must be what it was.
create function _billing.post(transfers _billing.ledger_transfer[])
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  asked integer;
  posted integer;
  different uuid;
begin
  if cardinality(transfers) = 0 then
    return 0;
  end if;
  with entries as materialized (
    select * from _billing.entries_of(transfers)
  ), accounts as (
    insert into billing.ledger_accounts (id, client_id, currency, kind, processor)
    select distinct e.account_id, e.client_id, e.currency, e.account_kind, e.processor
    from entries e
    on conflict (id) do nothing
  ), made as (
    insert into billing.ledger_transactions (id, kind, source_id, invoice_id, effective_at)
    select distinct e.transaction_id, e.kind, e.source_id, e.invoice_id, e.effective_at
    from entries e
    on conflict (id) do nothing
    returning id
  ), written as (
    insert into billing.ledger_entries (account_id, effective_at, transaction_id, amount_minor)
    select e.account_id, e.effective_at, e.transaction_id, e.amount_minor
    from entries e join made m on m.id = e.transaction_id
  ), summed as (
    insert into billing.ledger_sums as s (account_id, span, starts_on, amount_minor)
    select e.account_id, x.span, x.starts_on, sum(e.amount_minor)
    from entries e join made m on m.id = e.transaction_id
    cross join lateral _billing.spans_of(e.effective_at) x
    where e.account_kind in ('receivable', 'customer_credit')
    group by e.account_id, x.span, x.starts_on
    on conflict (account_id, span, starts_on)
      do update set amount_minor = s.amount_minor + excluded.amount_minor
  )
  select count(distinct e.transaction_id), (select count(*) from made) into asked, posted
  from entries e;
  if posted < asked then
    select coalesce(e.transaction_id, l.transaction_id) into different
    from (select * from _billing.entries_of(transfers)) e
    full join (
      select x.* from billing.ledger_entries x
      where x.transaction_id in (select o.transaction_id from _billing.entries_of(transfers) o)
    ) l on l.transaction_id = e.transaction_id and l.account_id = e.account_id
    where (l.amount_minor, l.effective_at) is distinct from (e.amount_minor, e.effective_at)
    limit 1;
    if different is not null then
      perform billing.raise_error('ledger_conflict', format(
        'ledger transaction %s is posted with other amounts', different),
        'post the difference as a transaction with a source of its own');
    end if;
  end if;
  return posted;
end $$;
comment on function _billing.post is
  'Posts transfers as transactions, any number at once, each transaction once; returns how many
   were new.';
