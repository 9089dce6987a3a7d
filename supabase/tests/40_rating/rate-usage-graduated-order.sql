-- Tiers are filled in the order of the days, also where the price changes within the period: usage
-- under the first price fills the tiers that usage under the second begins after.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000351', 'Acme', '2026-06-01');
insert into public.prices (metric, pricing_model, effective_from, effective_until, tiers) values
  ('pages', 'graduated', '-infinity', '2026-06-15',
    '[{"up_to": 1000, "unit_amount": "0.02"}, {"unit_amount": "0.01"}]'),
  ('pages', 'graduated', '2026-06-15', 'infinity',
    '[{"up_to": 1000, "unit_amount": "0.05"}, {"unit_amount": "0.03"}]');
insert into public.agent_usage_logs (agent, model, other_features, client_id, "timestamp")
select 'S', 'm', '{"pages": 1000}', '00000000-0000-4000-8000-000000000351', d
from unnest('{2026-06-10,2026-06-20}'::timestamptz[]) d;
select _billing.rollup();
-- 1,000 at 0.02 in the first tier; then 1,000 at 0.03 in the second.
select results_eq($$select r.service_start, r.amount_minor from _billing.rate_usage(array[
    ('00000000-0000-4000-8000-000000000351', '2026-06-01', '2026-07-01')
      ::billing.rating_target]) r
    where r.metric = 'pages' order by 1$$,
  $$values ('2026-06-01'::date, 2000::numeric), ('2026-06-15', 3000)$$,
  'the second price begins where the first has ended');

select * from finish();
rollback;
