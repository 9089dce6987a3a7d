-- The currency of a client changes where a period begins, not within one; no currency is one too,
-- the default's.
begin;
select plan(6);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000025', 'Acme', '2026-06-01');
-- A config with one currency until a day, and one with another from that day on.
create function pg_temp.change(before text, after text, on_day date) returns void
language plpgsql as $$
begin
  delete from public.billing_config where client_id is not null;
  insert into public.billing_config (client_id, currency, effective_from, effective_until)
  values ('00000000-0000-4000-8000-000000000025', before, '2026-06-01', on_day);
  insert into public.billing_config (client_id, currency, effective_from)
  values ('00000000-0000-4000-8000-000000000025', after, on_day);
end $$;
set local billing.as_of = '2026-05-20';

select throws_ok($$select pg_temp.change('USD', 'EUR', '2026-06-15')$$, 'PT409', null,
  'not from one to another');
select throws_ok($$select pg_temp.change(null, 'EUR', '2026-06-15')$$, 'PT409', null,
  'not from the default''s');
select throws_ok($$select pg_temp.change('EUR', null, '2026-06-15')$$, 'PT409', null,
  'not to the default''s');
select lives_ok($$select pg_temp.change('EUR', 'EUR', '2026-06-15')$$, 'the same may go on');
select lives_ok($$select pg_temp.change(null, null, '2026-06-15')$$, 'so may the default''s');
select lives_ok($$select pg_temp.change('USD', 'EUR', '2026-07-01')$$,
  'with a period it may be another');

select * from finish();
rollback;
