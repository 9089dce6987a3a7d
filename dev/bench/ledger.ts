import { alternate, type Figure, perSecond, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, type BenchDatabase, type Sql } from "./world.ts";

/** Transactions of one call: as many as a batch of a run finalizes. */
const BATCH = 500;

/** `ledger_post`: invoices posted as a run posts them, against bare inserts of the same rows. */
export async function measureLedgerPost(db: BenchDatabase, sizes: Sizes): Promise<Figure[]> {
  const { sql } = db;
  const clients = Math.min(sizes.closeClients, sizes.ledgerTransactions);
  await addClients(sql, clients);
  await stage(sql, sizes.ledgerTransactions);
  const measured = await alternate(
    Math.max(sizes.rounds, 3),
    () => rolledBack(sql, () => postAll(sql, sizes.ledgerTransactions)),
    () => rolledBack(sql, () => insertAll(sql, sizes.ledgerTransactions)),
  );
  return [{
    key: "ledger_post",
    what: `invoices posted by _billing.post, ${whole(BATCH)} a call: names, accounts, both checks`,
    floor: "insert … select of the same rows, already computed, into copies with the same indexes",
    value: measured.floor / measured.ours,
    unit: "×",
    target: { atLeast: 0.5 },
    detail: `${perSecond(sizes.ledgerTransactions, measured.ours)} of ` +
      `${perSecond(sizes.ledgerTransactions, measured.floor)} transactions of 3 entries, ` +
      `${whole(clients)} clients, one connection`,
  }];
}

/** Transfers of invoices, two each, and the rows that come of them. */
async function stage(sql: Sql, transactions: number): Promise<void> {
  await sql.unsafe(`
    create table public.bench_transfers as
    select n, array[
      ('invoice', md5(n::text)::uuid, null, c.id, 'USD', '2026-07-01', 'receivable', 'earnings',
        1000 + n, null)::_billing.ledger_transfer,
      ('invoice', md5(n::text)::uuid, null, c.id, 'USD', '2026-07-01', 'receivable', 'tax_payable',
        200, null)::_billing.ledger_transfer] as transfers
    from generate_series(1, ${transactions}) n
    join (select id, row_number() over (order by name) as place, count(*) over () as last
      from public.clients) c on c.place = 1 + n % c.last;
    create index on public.bench_transfers (n);
    create table public.bench_entries as
    select t.n, e.* from public.bench_transfers t
    cross join lateral _billing.entries_of(t.transfers) e;
    create index on public.bench_entries (n);
    create table public.bench_accounts (like billing.ledger_accounts including all);
    create table public.bench_ledger_transactions (
      like billing.ledger_transactions including all);
    create table public.bench_ledger_entries (like billing.ledger_entries including all);
    analyze public.bench_transfers, public.bench_entries`);
}

async function postAll(sql: Sql, transactions: number): Promise<void> {
  for (let start = 0; start < transactions; start += BATCH) {
    await sql`
      select _billing.post(array(
        select x from public.bench_transfers t, unnest(t.transfers) x
        where t.n > ${start} and t.n <= ${start + BATCH}))`;
  }
}

async function insertAll(sql: Sql, transactions: number): Promise<void> {
  for (let start = 0; start < transactions; start += BATCH) {
    await sql`
      with rows as materialized (
        select * from public.bench_entries e where e.n > ${start} and e.n <= ${start + BATCH}
      ), accounts as (
        insert into public.bench_accounts (id, client_id, currency, kind, processor)
        select e.account_id, e.client_id, e.currency, e.account_kind, e.processor from rows e
        on conflict do nothing
      ), transactions as (
        insert into public.bench_ledger_transactions (id, kind, source_id, invoice_id, effective_at)
        select distinct e.transaction_id, e.kind, e.source_id, e.invoice_id, e.effective_at
        from rows e
      )
      insert into public.bench_ledger_entries
        (account_id, effective_at, transaction_id, amount_minor)
      select e.account_id, e.effective_at, e.transaction_id, e.amount_minor from rows e`;
  }
}

async function rolledBack(sql: Sql, work: () => Promise<void>): Promise<number> {
  await sql`begin`;
  try {
    return await timed(work);
  } finally {
    await sql`rollback`;
  }
}
