-- Usage without a price, and the days that a whole minimum is for.
begin;
select plan(3);

select is_empty($$
  select s, e, anchor, days from (values
    ('2026-06-01'::date, '2026-07-01'::date, 1, 30), ('2026-02-01', '2026-03-01', 1, 28),
    ('2026-06-15', '2026-07-15', 15, 30),
    -- Cut short by an anchor that moved from the 1st to the 15th: of the month that ends with it.
    ('2026-07-01', '2026-07-15', 15, 30), ('2026-06-20', '2026-08-01', 1, 42)
  ) v(s, e, anchor, days) where billing.full_days(s, e, anchor) is distinct from days$$,
  'a period cut short is part of a whole one');

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.prices (model, metric, unit_amount, effective_from)
values ('m-1', 'input_tokens', 1, '2026-06-20');
insert into public.agent_usage_logs (agent, model, input_tokens, other_features, client_id,
  "timestamp")
select 'S', 'm-1', 10, f, '00000000-0000-0000-0000-00000000000a', d
from (values ('2026-06-10'::date, '{"images": 3}'::jsonb), ('2026-06-20', '{}')) v(d, f);
select _billing.rollup();
select results_eq($$select model, metric, quantity, log_count from _billing.unpriced_usage(array[
    ('00000000-0000-0000-0000-00000000000a', '2026-06-01', '2026-07-01')::billing.rating_target])
    order by metric$$,
  $$values ('m-1', 'images', 3::numeric, 1::bigint), ('m-1', 'input_tokens', 10, 1)$$,
  'usage before its price began has none; calls need none');
select billing.correct_log(id, '{"other_features": {"images": 0}}', 'a test')
from public.agent_usage_logs where other_features <> '{}';
select _billing.rollup();
select results_eq($$select metric from _billing.unpriced_usage(array[
    ('00000000-0000-0000-0000-00000000000a', '2026-06-01', '2026-07-01')::billing.rating_target])$$,
  $$values ('input_tokens')$$, 'usage that was taken back needs no price');

select * from finish();
rollback;
