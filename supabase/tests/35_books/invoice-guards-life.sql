-- draft -> open -> paid | void | uncollectible. The database refuses every other way and every
-- edit of what is issued, by any writer.
begin;
select plan(24);

insert into public.clients (name, started_on)
select 'Client ' || n, '2026-06-01' from generate_series(1, 5) n;
select billing.run_monthly('2026-07-01 00:00+00');
create function pg_temp.id_of(place integer) returns uuid language sql as $$
  select id from public.invoices where number = 'INV-2026-00000' || place;
$$;
create function pg_temp.status_of(place integer) returns text language sql as $$
  select status from public.invoices where id = pg_temp.id_of(place);
$$;
-- One of each state, and a draft.
select billing.record_payment(pg_temp.id_of(2), 5000, '2026-07-05');
select billing.void_invoice(pg_temp.id_of(3), 'wrong address', '2026-07-05');
select billing.mark_uncollectible(pg_temp.id_of(4), '2026-07-05');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select id, 'Set-up', 10, 'USD', '2026-07-05' from public.clients where name = 'Client 5';
select billing.create_one_off_invoice(array(select id from public.invoice_items),
  '2026-07-05 00:00+00');
select results_eq($$select status from public.invoices order by number nulls last$$,
  array['open', 'paid', 'void', 'uncollectible', 'open', 'draft'], 'one invoice of each state');

-- Every transition, allowed or not.
create function pg_temp.try_status(invoice uuid, wanted text) returns boolean
language plpgsql as $$
begin
  update public.invoices set status = wanted where id = invoice;
  raise exception using errcode = 'LB000';
exception
  when sqlstate 'LB000' then return true;
  when sqlstate 'PT409' then return false;
  when check_violation then return true;
end $$;
select set_eq($$
  select i.status || ' -> ' || s.status from public.invoices i
  cross join unnest(array['draft', 'open', 'paid', 'void', 'uncollectible']) s(status)
  where s.status <> i.status and pg_temp.try_status(i.id, s.status)$$,
  array['draft -> open', 'draft -> paid', 'open -> paid', 'open -> void', 'open -> uncollectible',
    'uncollectible -> paid', 'uncollectible -> void'], 'no transition but these is possible');
select throws_ok(format('select billing.void_invoice(%L, ''x'')', pg_temp.id_of(2)), 'PT409', null,
  'a paid invoice is not voided');
select throws_ok(format('select billing.void_invoice(%L, '' '')', pg_temp.id_of(1)), 'PT400',
  'voiding needs a reason', 'an invoice is not voided without a reason');
select throws_ok(format('select billing.mark_uncollectible(%L)', pg_temp.id_of(3)), 'PT409', null,
  'a void one is not written off');
select throws_ok(format('select billing.finalize_invoice(%L)', pg_temp.id_of(1)), 'PT409', null,
  'an open one is not finalized again');
select throws_ok(format('select billing.record_payment(%L, 0)', pg_temp.id_of(3)), 'PT409', null,
  'a payment is more than nothing');
select throws_ok(format('select billing.regenerate_invoice(%L)', pg_temp.id_of(1)), 'PT409', null,
  'an open one is not regenerated');

-- Frozen columns: all but the few that move.
select throws_ok(format('update public.invoices set %s where number = ''INV-2026-000001''', change),
  'PT409', null, change || ' is refused')
from unnest(array['total_minor = 1, subtotal_minor = 1', 'due_on = ''2027-01-01''',
  'number = ''INV-2026-000099''', 'document = ''{}''', 'currency = ''EUR''',
  'client_id = (select id from public.clients where name = ''Client 2'')',
  'period_end = ''2026-08-01''', 'note = ''x''']) change;
select throws_ok('update public.invoice_lines set amount_minor = 1', 'PT409', null,
  'lines of issued invoices do not change');
select throws_ok('delete from public.invoice_lines', 'PT409', null, 'nor are they deleted');
select throws_ok($$insert into public.invoice_lines (invoice_id, position, kind, rating_key,
  precise_amount, amount_minor, description)
  select id, 99, 'one_off', 'x', 1, 100, 'x' from public.invoices where status = 'open'$$,
  'PT409', null, 'nor added');
select throws_ok($$delete from public.invoices where status = 'void'$$, 'PT409', null,
  'a void invoice is not deleted: it keeps its number');

-- One live invoice per client and period; a number once.
select throws_ok($$insert into public.invoices (client_id, period_start, period_end, currency)
  select client_id, period_start, period_end, currency from public.invoices
  where number = 'INV-2026-000001'$$, '23505', null, 'one live invoice per client and period');
select lives_ok($$insert into public.invoices (client_id, period_start, period_end, currency)
  select client_id, period_start, period_end, currency from public.invoices
  where number = 'INV-2026-000003'$$, 'beside a void one another may stand');
select throws_ok($$insert into public.invoices (client_id, period_start, period_end, currency)
  select client_id, '2026-08-01', null, currency from public.invoices where status = 'void'$$,
  '23514', null, 'an invoice of a period has both its days');

-- Overdue: open and past the due day.
select results_eq($$select number, days_overdue from billing.overdue_invoices('2026-08-02')$$,
  $$values ('INV-2026-000001', 2), ('INV-2026-000005', 2)$$,
  'issued 1 July with 30 days, due 31 July, overdue by 2 days on 2 August');

select * from finish();
rollback;
