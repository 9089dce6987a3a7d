-- The entries of transactions: what each account is debited (more than zero) or credited.

create table billing.ledger_entries (
  account_id uuid not null,
  effective_at timestamptz not null,
  transaction_id uuid not null,
  amount_minor bigint not null,
  -- In the order in which a balance is asked for: an account, up to an instant.
  primary key (account_id, effective_at, transaction_id) include (amount_minor)
);
comment on table billing.ledger_entries is
  'Debits and credits; those of a transaction sum to zero in each currency. Append-only.';
create index ledger_entries_transaction_id on billing.ledger_entries (transaction_id);

create trigger refuse_change before update or delete or truncate on billing.ledger_entries
  for each statement execute function _billing.refuse_change();
alter table billing.ledger_entries enable row level security;
revoke all on billing.ledger_entries from public;
grant select on billing.ledger_entries to service_role;

-- Debits equal credits, of accounts and transactions that there are: those are never deleted.
-- Asked once for each statement, which writes whole transactions; two foreign keys would ask twice
-- for each entry, which took as long as writing them.
create function _billing.refuse_unbalanced_entries() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set jit = off as $$
-- Row by row, by the keys: a payment must not read all accounts.
declare
  found record;
begin
  select n.transaction_id, a.currency, sum(n.amount_minor) as total into found
  from new_rows n
  left join billing.ledger_accounts a on a.id = n.account_id
  left join billing.ledger_transactions t on t.id = n.transaction_id
    and t.effective_at = n.effective_at
  group by n.transaction_id, a.currency
  having sum(n.amount_minor) <> 0 or a.currency is null or count(*) <> count(t.id)
  limit 1;
  if found.transaction_id is not null then
    perform billing.raise_error('ledger_unbalanced', format(
      'debits and credits of ledger transaction %s differ by %s %s', found.transaction_id,
      found.total, coalesce(found.currency, 'of no account')),
      'write whole transactions, each by one statement');
  end if;
  return null;
end $$;

create trigger refuse_unbalanced_entries after insert on billing.ledger_entries
  referencing new table as new_rows
  for each statement execute function _billing.refuse_unbalanced_entries();
