/**
 * The ledger against a model of it: random operations over some clients and two years, in the real
 * SQL, rolled back. LEDGER_OPERATIONS says how many, LEDGER_SEED which; a long run:
 *
 *     LEDGER_OPERATIONS=10000 npm test -- books ledger
 */
import assert from "node:assert/strict";
import process from "node:process";
import type { Sql } from "postgres";
import { transactions } from "../cases/rolled-back.ts";
import { type Random, seededRandom, uuidOf } from "../support/random.ts";
import { type Accounts, LedgerModel, type Operation } from "./ledger-model.ts";

const operations = Number(process.env["LEDGER_OPERATIONS"] ?? 2000);
const seed = process.env["LEDGER_SEED"] ?? `${Date.now() % 2 ** 31}`;
const MONTHS = 20;
const clients = Array.from({ length: 12 }, (_, place) => uuidOf(`ledger client ${place}`));
const KINDS = ["receivable", "customer_credit", "cash", "refunds_due", "write_off", "adjustments"];

Deno.test(`property: the ledger is its model, seed ${seed}`, async () => {
  await using database = transactions();
  await database.rolledBack(async (sql) => {
    const random = seededRandom(seed);
    const model = new LedgerModel(clients);
    const past: { at: string; accounts: string[] }[] = [];
    await prepare(sql);
    for (let month = 1; month <= MONTHS; month++) {
      await closeMonth(sql, model, month);
      await actAll(sql, model, random, month, Math.ceil(operations / MONTHS));
      const at = instant(month, 20 * 86_400);
      past.push({ at, accounts: describe(model) });
      assert.deepEqual(await ledgerAt(sql, "9999-12-31"), describe(model), `month ${month}`);
      assert.deepEqual([...await sql`select * from _billing.check_ledger()`], []);
    }
    // The balance of any past instant is what it was then.
    for (const { at, accounts } of past) assert.deepEqual(await ledgerAt(sql, at), accounts, at);
    assert.deepEqual([...await sql`select * from billing.check_invariants('2026-01-01')`], []);
  });
});

/** Clients with a minimum a month: without tax, with one on top, with one contained. */
async function prepare(sql: Sql): Promise<void> {
  await sql`
    insert into public.clients (id, name, started_on)
    select id, 'Client ' || id, '2026-01-01' from unnest(${clients}::uuid[]) id`;
  await sql`
    insert into public.billing_config (client_id, minimum_minor, taxes)
    select id, 1000 + 517 * place, case place % 3 when 0 then '[]' else jsonb_build_array(
      jsonb_build_object('name', 'VAT', 'rate_percent', '19', 'behavior',
        case place % 3 when 1 then 'exclusive' else 'inclusive' end)) end
    from unnest(${clients}::uuid[]) with ordinality c(id, place)`;
  // One thing as somebody would do it; false where it is refused, which changes nothing.
  await sql.unsafe(`
    create function pg_temp.act(kind text, invoice uuid, amount bigint, key text, at timestamptz)
    returns boolean language plpgsql as $$
    declare
      sign constant integer := case when kind in ('refund', 'dispute') then -1 else 1 end;
      note uuid;
    begin
      if kind = 'pay' then
        perform billing.record_payment(invoice, amount, at, 'bank', key);
      elsif kind = 'pay_again' then
        perform billing.record_payment(p.invoice_id, amount, at, 'bank', p.reference)
        from public.payments p where p.reference is not null limit 1;
      elsif kind like 'credit%' then
        perform billing.issue_credit_note(invoice, 'test', amount, kind = 'credit_refund', at);
      elsif kind = 'void_note' then
        select n.id into note from public.credit_notes n
        where n.invoice_id = invoice and n.voided_at is null
        order by length(n.number) desc, n.number desc limit 1;
        return _billing.void_credit_note(note, at);
      elsif kind = 'void' then
        perform billing.void_invoice(invoice, 'test', at);
      elsif kind = 'write_off' then
        perform billing.mark_uncollectible(invoice, at);
      elsif kind = 'adjust' then
        perform _billing.adjust_balance_for_stripe(i.client_id, 'USD',
          case when amount % 2 = 0 then amount else -amount end, null, 'test', key, at)
        from public.invoices i where i.id = invoice;
      else
        insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at)
        select i.id, i.client_id, sign * amount, act.kind, 'USD', at
        from public.invoices i where i.id = invoice;
      end if;
      return true;
    exception when sqlstate 'PT400' or sqlstate 'PT409' then
      return false;
    end $$`);
}

/** Issues the month's invoices; the model takes what credit there is, and so must they. */
async function closeMonth(sql: Sql, model: LedgerModel, month: number): Promise<void> {
  await sql`select billing.run_monthly(${instant(month, 0)})`;
  const issued = await sql<{ id: string; client_id: string; total: number; applied: number }[]>`
    select i.id, i.client_id, i.total_minor::int as total, i.balance_applied_minor::int as applied
    from public.invoices i where i.finalized_at = ${instant(month, 0)} order by i.number`;
  assert.equal(issued.length, clients.length);
  for (const { id, client_id, total, applied } of issued) {
    assert.equal(applied, model.issue(client_id, id, total));
  }
}

async function actAll(
  sql: Sql,
  model: LedgerModel,
  random: Random,
  month: number,
  count: number,
): Promise<void> {
  const chosen: { operation: Operation; expected: boolean }[] = [];
  for (let place = 0; place < count; place++) {
    const operation = model.choose(random);
    chosen.push({ operation, expected: model.act(operation) });
  }
  const rows = await sql<{ done: boolean }[]>`
    select pg_temp.act(o.kind, o.invoice, o.amount, ${`${month}/`} || o.place,
      ${instant(month, 86_400)}::timestamptz + o.place * interval '1 second') as done
    from unnest(${chosen.map(({ operation }) => operation.kind)}::text[],
      ${chosen.map(({ operation }) => operation.invoice.id)}::uuid[],
      ${chosen.map(({ operation }) => operation.amount)}::bigint[])
      with ordinality o(kind, invoice, amount, place)
    order by o.place`;
  chosen.forEach(({ operation, expected }, place) =>
    assert.equal(rows[place]?.done, expected, `${month}/${place + 1} ${JSON.stringify(operation)}`)
  );
}

/** The first of the month after `month` months of 2026, and some seconds. */
function instant(month: number, seconds: number): string {
  return new Date(Date.UTC(2026, month, 1) + seconds * 1000).toISOString();
}

function describe(model: LedgerModel): string[] {
  return clients.map((client) => line(client, model.accounts.get(client)));
}

function line(client: string, accounts: Partial<Accounts> | undefined): string {
  const amounts = new Map(Object.entries(accounts ?? {}));
  return [client, ...KINDS.map((kind) => `${kind} ${amounts.get(kind) ?? 0}`)].join(" ");
}

async function ledgerAt(sql: Sql, at: string): Promise<string[]> {
  const rows = await sql<{ client_id: string; accounts: Partial<Accounts> }[]>`
    select s.client_id, jsonb_object_agg(s.kind, s.amount) as accounts
    from (
      select a.client_id, a.kind, sum(e.amount_minor)::int as amount
      from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
      where e.effective_at <= ${at}::timestamptz
      group by 1, 2
    ) s group by 1`;
  const found = new Map(rows.map(({ client_id, accounts }) => [client_id, accounts]));
  return clients.map((client) => line(client, found.get(client)));
}
