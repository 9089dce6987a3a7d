-- Periods are locked and read by client and period: of others nothing is waited for.
begin;
select plan(1);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.billing_periods (client_id, period_start, period_end, full_days)
select c.id, m.month, (m.month + interval '1 month')::date, 30
from public.clients c, unnest('{2026-06-01,2026-07-01}'::date[]) m(month);
select results_eq($$select (v).client_id, (v).period_start from unnest(_billing.lock_periods(array[
    ('00000000-0000-0000-0000-00000000000a', '2026-06-01', '2026-07-01'),
    ('00000000-0000-0000-0000-00000000000b', '2026-07-01', '2026-08-01')]
    ::billing.rating_target[])) v$$, $$values
  ('00000000-0000-0000-0000-00000000000a'::uuid, '2026-06-01'::date),
  ('00000000-0000-0000-0000-00000000000b', '2026-07-01')$$,
  'lock_periods: those that are asked for, and no others of their clients');

select * from finish();
rollback;
