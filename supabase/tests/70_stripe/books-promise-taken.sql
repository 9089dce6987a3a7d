-- A note of ours promises 10.90. Before its refund is made, somebody refunds 18.74 in Stripe, so
-- 2.19 can still go back for the note. That refund is told of without its note; then the 18.74
-- fail. The note has been refunded in part: 10.90 are credited, 2.19 have gone, whatever is told of
-- first.
begin;
select plan(9);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 4) n;
select billing.run_monthly('2026-07-01 09:00+00');
create temporary table inv as
select row_number() over (order by number)::int as n, id, client_id from public.invoices;
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_' || n, 'open' from inv;
select billing.apply_stripe_invoice_payment(jsonb_build_object('invoice', 'in_' || n,
  'amount_paid', 5000, 'currency', 'usd', 'livemode', false,
  'payment', jsonb_build_object('payment_intent', 'pi_' || n)), '2026-07-02') from inv;
select billing.issue_credit_note(id, 'goodwill', 1090, true, '2026-07-02') from inv;

create function pg_temp.refund(n integer, id text, amount integer, status text default 'succeeded')
returns text language sql as $$
  select billing.apply_stripe_refund(jsonb_build_object('id', format('re_%s%s', n, id),
    'amount', amount, 'currency', 'usd', 'status', status, 'payment_intent', 'pi_' || n),
    '2026-07-03');
$$;
-- The note of ours in Stripe, which names the refund b.
create function pg_temp.note(n integer) returns text language sql as $$
  select billing.apply_stripe_credit_note(jsonb_build_object('id', 'cn_' || n,
    'invoice', 'in_' || n, 'total', 1090, 'currency', 'usd', 'livemode', false,
    'status', 'issued', 'metadata', jsonb_build_object('leveredge_credit_note_id', (
      select c.id from public.credit_notes c left join public.stripe_credit_notes s
        on s.credit_note_id = c.id
      where c.invoice_id = inv.id and coalesce(s.origin, 'ours') = 'ours')),
    'refunds', jsonb_build_array(jsonb_build_object('type', 'refund',
      'refund', format('re_%sb', n), 'amount_refunded', 219))), '2026-07-03')
  from inv where inv.n = note.n;
$$;
-- Money kept, all notes, what is left of the balance.
create function pg_temp.account(n integer) returns text language sql as $$
  select format('kept %s, credited %s, credit %s',
    (select sum(p.amount_minor) from public.payments p where p.invoice_id = inv.id),
    (select coalesce(sum(c.total_minor), 0) from public.credit_notes c
      where c.invoice_id = inv.id and c.voided_at is null),
    (select coalesce(sum(b.amount_minor), 0) from public.balance_entries b
      where b.client_id = inv.client_id))
  from inv where inv.n = account.n;
$$;

select pg_temp.refund(1, 'a', 1874), pg_temp.note(1), pg_temp.refund(1, 'b', 219),
  pg_temp.refund(1, 'a', 1874, 'failed');
select is(pg_temp.account(1), 'kept 4781, credited 1090, credit 871', 'the note is told of first');
select pg_temp.refund(2, 'a', 1874), pg_temp.refund(2, 'b', 219), pg_temp.note(2);
select is(pg_temp.account(2), 'kept 2907, credited 2093, credit 0',
  'while the larger refund stands, each amount that went back is credited');
select pg_temp.refund(2, 'a', 1874, 'failed');
select is(pg_temp.account(2), pg_temp.account(1), 'the larger refund fails after the note');
select pg_temp.refund(3, 'a', 1874), pg_temp.refund(3, 'b', 219),
  pg_temp.refund(3, 'a', 1874, 'failed');
select is(pg_temp.account(3), 'kept 4781, credited 1309, credit 1090',
  'before the note is told of, its refund passes for one on no note');
select matches(pg_temp.note(3), '^known, voided .+-CN3$', 'the note says whose the refund is');
select is(pg_temp.account(3), pg_temp.account(1), 'the larger refund fails before the note');

select is_empty($$select * from billing.check_invariants()$$,
  'the books contradict themselves nowhere');

-- The credit is spent before the note is told of: the amount is owed, and operators are told.
select pg_temp.refund(4, 'a', 1874), pg_temp.refund(4, 'b', 219),
  pg_temp.refund(4, 'a', 1874, 'failed');
insert into public.balance_entries (client_id, currency, amount_minor, reason, created_at)
select client_id, 'USD', -1090, 'applied', '2026-07-03' from inv where n = 4;
select pg_temp.note(4);
select is((select string_agg(payload ->> 'message', '; ') from public.deliveries
    where kind = 'hermes' and payload ->> 'message' like '%had spent that credit%'),
  '2.19 USD of INV-2026-000004 was refunded in Stripe, but the client had spent that credit: put '
  'it on an invoice with an item', 'credit that was spent is told of');
select is((select _billing.book_refunds_of_note(m, null, '2026-07-05')
    from public.stripe_invoices m where m.stripe_invoice_id = 'in_3'), null,
  'nothing is left to do');

select * from finish();
rollback;
