-- Part payments of top-ups that go back before anything is granted: nothing is lost by them, and
-- nothing stays on the accounts. Entries, ledger and statement agree. Amounts derived by hand.
begin;
select plan(24);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-0000000456' || lpad(n::text, 2, '0'))::uuid, name, '2026-06-01'
from unnest('{lost,won,off,paid,back,kept,failed}'::text[]) with ordinality x(name, n);
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
create function pg_temp.client(name text) returns uuid language sql as $$
  select c.id from public.clients c where c.name = client.name;
$$;
-- "account amount" of a client, without accounts that stand at zero.
create function pg_temp.accounts(name text) returns text language sql as $$
  select coalesce(string_agg(x.kind || ' ' || x.amount, ', ' order by x.kind), 'nothing')
  from (
    select a.kind, sum(e.amount_minor) as amount
    from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
    where a.client_id = pg_temp.client(accounts.name)
    group by a.kind having sum(e.amount_minor) <> 0
  ) x;
$$;
create function pg_temp.invoice(name text) returns uuid language sql as $$
  select t.invoice_id from public.top_ups t where t.client_id = pg_temp.client(invoice.name);
$$;
create function pg_temp.move(name text, kind text, amount bigint, at timestamptz) returns void
language sql as $$
  insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method)
  values (pg_temp.invoice(move.name), pg_temp.client(move.name), amount, kind, 'USD', at,
    'stripe');
$$;
-- As where Stripe gives money back of which there is no credit note here.
create function pg_temp.refund(name text, amount bigint, at timestamptz) returns void
language sql as $$
  select pg_temp.move(refund.name, 'refund', -amount, at);
  select _billing.credit_by_amount(_billing.get_invoice(pg_temp.invoice(refund.name)), amount,
    'Refunded in Stripe', true, at, true);
$$;
create function pg_temp.has(name text) returns numeric language sql as $$
  select coalesce((select g.amount_minor
    from billing.granted_credit(pg_temp.client(has.name), '2026-07-01') g), 0);
$$;
create function pg_temp.owes(name text) returns numeric language sql as $$
  select coalesce(sum(e.amount_minor), 0) from billing.account_entries e
  where e.client_id = pg_temp.client(owes.name);
$$;

-- 100.00 are asked for, 40.00 are paid.
select billing.request_top_up(c.id, 10000, as_of => '2026-06-01') from public.clients c;
select billing.record_payment(pg_temp.invoice(c.name), 4000, '2026-06-02') from public.clients c;
select is(pg_temp.accounts('lost'), 'advances -10000, cash 4000, receivable 6000',
  'a part payment is cash, and nothing is granted');
select results_eq($$select g.* from public.top_ups t
    cross join lateral _billing.gone_before_grant(t.id) g where t.invoice_id
      = pg_temp.invoice('lost')$$, 'values (0::bigint, 0::bigint)', 'nothing has gone back');

-- They are disputed, and the rest is written off: in either order nothing is left.
select pg_temp.move('lost', 'dispute', -4000, '2026-06-03');
select is(pg_temp.accounts('lost'), 'advances -6000, receivable 6000',
  'the dispute takes the money, and costs us nothing');
select results_eq($$select g.* from public.top_ups t
    cross join lateral _billing.gone_before_grant(t.id) g where t.invoice_id
      = pg_temp.invoice('lost')$$, 'values (4000::bigint, 0::bigint)', '40.00 have gone back');
select billing.mark_uncollectible(pg_temp.invoice('lost'), '2026-06-04');
select is(pg_temp.accounts('lost'), 'nothing', 'disputed, then written off: nothing is left');
select is(pg_temp.owes('lost'), 0::numeric, 'nor on the statement');
select billing.mark_uncollectible(pg_temp.invoice('off'), '2026-06-03');
select is(pg_temp.accounts('off'), 'advances -4000, cash 4000', 'written off, the payment is held');
select pg_temp.move('off', 'dispute', -4000, '2026-06-04');
select is(pg_temp.accounts('off'), 'nothing', 'written off, then disputed: nothing is left');
select is(pg_temp.owes('off'), 0::numeric, 'nor on the statement');

-- The dispute is won after the write-off: the 40.00 are held for the client.
select pg_temp.move('won', 'dispute', -4000, '2026-06-03');
select billing.mark_uncollectible(pg_temp.invoice('won'), '2026-06-04');
select pg_temp.move('won', 'dispute_reversed', 4000, '2026-06-05');
select is(pg_temp.accounts('won'), 'advances -4000, cash 4000', 'money of a dispute that was won');
-- Then the rest comes after all: 100.00.
select billing.record_payment(pg_temp.invoice('won'), 6000, '2026-06-06');
select is(pg_temp.accounts('won'), 'cash 10000, prepaid_credit -10000', 'is granted with the rest');

-- The rest is paid after the dispute: 60.00 of credit; then the dispute is won: 100.00.
select pg_temp.move('paid', 'dispute', -4000, '2026-06-03');
select billing.record_payment(pg_temp.invoice('paid'), 6000, '2026-06-04');
select is(pg_temp.accounts('paid'), 'cash 6000, prepaid_credit -6000', 'credit of what was kept');
select is(pg_temp.has('paid'), 6000::numeric, 'and no more');
select pg_temp.move('paid', 'dispute_reversed', 4000, '2026-06-05');
select is(pg_temp.accounts('paid'), 'cash 10000, prepaid_credit -10000', 'and of what came back');

-- Refunded in Stripe, and the rest written off, or paid; or the refund fails first.
select pg_temp.refund('back', 4000, '2026-06-03');
select is(pg_temp.accounts('back'), 'advances -6000, receivable 6000', 'a refund costs nothing');
select billing.mark_uncollectible(pg_temp.invoice('back'), '2026-06-04');
select is(pg_temp.accounts('back'), 'nothing', 'refunded, then written off: nothing is left');
select pg_temp.refund('kept', 4000, '2026-06-03');
select results_eq($$select g.* from public.top_ups t
    cross join lateral _billing.gone_before_grant(t.id) g where t.invoice_id
      = pg_temp.invoice('kept')$$, 'values (0::bigint, 4000::bigint)', '40.00 were refunded');
select billing.record_payment(pg_temp.invoice('kept'), 6000, '2026-06-04');
select is(pg_temp.accounts('kept'), 'cash 6000, prepaid_credit -6000', 'credit of what was kept');
select pg_temp.refund('failed', 4000, '2026-06-03');
select pg_temp.move('failed', 'refund_failed', 4000, '2026-06-04');
select _billing.void_credit_note(n.id, '2026-06-04') from public.credit_notes n
where n.invoice_id = pg_temp.invoice('failed');
select is(pg_temp.accounts('failed'), 'advances -10000, cash 4000, receivable 6000',
  'a refund that failed is none');
select billing.record_payment(pg_temp.invoice('failed'), 6000, '2026-06-05');
select is(pg_temp.accounts('failed'), 'cash 10000, prepaid_credit -10000', 'all is granted');
-- What is paid for one that is void is on the balance: where a dispute takes it, it is lost.
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000045608', 'void', '2026-06-01');
select billing.request_top_up(pg_temp.client('void'), 10000, as_of => '2026-06-01');
select billing.void_invoice(pg_temp.invoice('void'), 'mistake', '2026-06-02');
select billing.record_payment(pg_temp.invoice('void'), 4000, '2026-06-03');
select pg_temp.move('void', 'dispute', -4000, '2026-06-04');
select is(pg_temp.accounts('void'), 'customer_credit -4000, write_off 4000',
  'a payment of a void top-up that is disputed is a loss');
select is((select sum(abs(e.amount_minor)) from billing.ledger_entries e
    join billing.ledger_accounts a on a.id = e.account_id where a.kind = 'promotion_expense'
    and a.client_id in (pg_temp.client('back'), pg_temp.client('failed'))), null,
  'where nothing was granted nothing was given away');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select is((select count(*) from billing.account_entries e
    where e.client_id = pg_temp.client('lost')), 5::bigint, 'the statement says all that happened');
select * from finish();
rollback;
