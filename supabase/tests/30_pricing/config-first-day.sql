-- A config holds from its first day on and no longer on the day it ends.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a25', 'One', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, effective_from, effective_until)
values ('00000000-0000-4000-8000-000000000a25', 7, '2026-06-30', '2026-07-31');
select results_eq($$select d, (select t.minimum_minor
    from billing.config_on('{00000000-0000-4000-8000-000000000a25}', array[d]) t)
  from unnest('{2026-06-29,2026-06-30,2026-07-30,2026-07-31}'::date[]) d order by 1$$, $$values
  ('2026-06-29'::date, 5000::bigint), ('2026-06-30', 7), ('2026-07-30', 7), ('2026-07-31', 5000)$$,
  'config_on: else the default holds');

select * from finish();
rollback;
