-- Top-ups that a client may have asked for and not paid: ten.
begin;
select plan(10);
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000004521', 'Buyer', '2026-05-01'),
  ('00000000-0000-4000-8000-000000004522', 'Other', '2026-05-01');
create function pg_temp.client() returns uuid language sql as $$
  select '00000000-0000-4000-8000-000000004521'::uuid;
$$;
create function pg_temp.ask(number integer) returns uuid language sql as $$
  select billing.request_top_up(pg_temp.client(), 500, reference => 'number ' || number,
    as_of => '2026-06-01');
$$;
create function pg_temp.invoice(number integer) returns uuid language sql as $$
  select t.invoice_id from public.top_ups t where t.reference = 'number ' || number;
$$;

select is(_billing.most_open_top_ups(), 10, 'ten may be open');
select lives_ok($$select pg_temp.ask(n) from generate_series(1, 10) n$$, 'ten are made');
prepare another as select pg_temp.ask(11);
select throws_ok('another', 'PT409', 'a client may have 10 unpaid top-ups, and has them',
  '_billing.refuse_many_top_ups: one more is refused, and the limit is named');
select is((select array[count(*), count(i.id)] from public.top_ups t
    left join public.invoices i on i.id = t.invoice_id), '{10,10}'::bigint[],
  'and leaves neither a top-up nor an invoice');
select is(pg_temp.ask(10), (select id from public.top_ups where reference = 'number 10'),
  'a known reference is still the same top-up');
select lives_ok($$select billing.request_top_up('00000000-0000-4000-8000-000000004522', 500)$$,
  'another client has ten of its own');
-- A recharge is one at a time: it neither counts nor waits for payers.
insert into public.top_ups (client_id, origin, currency, amount_minor, balance_minor,
  threshold_minor, requested_at)
values (pg_temp.client(), 'low_balance', 'USD', 500, 0, 100, '2026-06-01');
select billing.record_payment(pg_temp.invoice(1), 500, '2026-06-02', 'bank', 'one');
select lives_ok('another', 'one is paid: another may be made');
prepare next as select pg_temp.ask(12);
select throws_ok('next', 'PT409', null, 'and no more than that');
select billing.void_invoice(pg_temp.invoice(2), 'not wanted', '2026-06-02');
select lives_ok('next', 'until one is void');
-- What is counted at each top-up is found without the history.
insert into public.top_ups (client_id, origin, state, currency, amount_minor, requested_at,
  invoice_id)
select pg_temp.client(), 'request', 'wanted', 'USD', 500, '2026-06-01', null
from generate_series(1, 3000);
update public.top_ups set state = 'void', origin = 'low_balance', balance_minor = 0,
  threshold_minor = 100
where state = 'wanted' and reference is null and origin = 'request';
analyze public.top_ups;
create function pg_temp.plan_of(statement text) returns text language plpgsql as $$
declare
  line text;
  lines text := '';
begin
  for line in execute 'explain ' || statement loop lines := lines || line || E'\n'; end loop;
  return lines;
end $$;
select matches(pg_temp.plan_of(format($$select count(*) from public.top_ups t
    where t.client_id = %L and t.origin = 'request' and t.state in ('wanted', 'invoiced')$$,
    pg_temp.client())), 'using top_ups_open_requests', 'open top-ups have an index of their own');
select * from finish();
rollback;
