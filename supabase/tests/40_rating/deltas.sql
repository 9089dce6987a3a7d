-- What is still to be charged for a period is its rating less what is booked; late lines say so.
begin;
select plan(13);

select results_eq($$select _billing.period_label(f, t) from (values
    ('2026-06-01'::date, '2026-07-01'::date), ('2026-12-01', '2027-01-01'),
    ('2026-06-01', '2026-06-30'), ('2026-06-15', '2026-07-15')) v(f, t)$$,
  $$values ('June 2026'), ('December 2026'), ('1 Jun 2026 – 29 Jun 2026'),
    ('15 Jun 2026 – 14 Jul 2026')$$, 'a whole month is called by its name');
select results_eq($$select _billing.late_description(k, a, 'June 2026', 'Thing')
    from (values ('usage', 5), ('minimum', 5), ('minimum', -5), ('tax', 5)) v(k, a)$$,
  $$values ('Late usage, June 2026 · Thing'), ('Minimum monthly charge, June 2026'),
    ('Minimum already charged, June 2026'), ('Thing, June 2026')$$,
  'late lines name the period that they are of');

select results_eq($$select _billing.plain_description(k, 'June 2026', d) from (values
    ('usage', 'Late usage, June 2026 · Thing'), ('usage', 'Thing'), ('tax', 'Thing, June 2026'),
    ('minimum', 'Minimum already charged, June 2026')) v(k, d)$$,
  $$values ('Thing'), ('Thing'), ('Thing'), ('Minimum monthly charge')$$,
  'a line that is not late is called by its plain name');

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000a', 2000);
create function pg_temp.log(tokens integer) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', tokens, '00000000-0000-0000-0000-00000000000a', '2026-06-20'
  where tokens > 0;
  -- Below zero: so much less than the logs say.
  select count(billing.correct_log(t.id, jsonb_build_object('input_tokens', t.now - t.taken),
    'a test'))
  from (
    select s.id, s.now, least(s.now, -tokens - coalesce(sum(s.now) over (order by s.id
      rows between unbounded preceding and 1 preceding), 0)) as taken
    from (select l.id, (_billing.standing_log(l.id)).input_tokens as now
      from public.agent_usage_logs l where l.corrects_id is null and tokens < 0) s
  ) t where t.taken > 0;
  select _billing.rollup();
$$;
create function pg_temp.june() returns billing.rating_target[] language sql as $$
  select array[('00000000-0000-0000-0000-00000000000a', '2026-06-01', '2026-07-01')
    ::billing.rating_target];
$$;
create view pg_temp.deltas as
select (d.line).kind, (d.line).amount_minor, (d.line).description, d.is_late
from _billing.section_deltas(pg_temp.june()) d order by 1;

select pg_temp.log(5000000);
select results_eq('select * from pg_temp.deltas', $$values
    ('minimum', 500::numeric, 'Minimum monthly charge', false),
    ('usage', 1500, 'Claude Sonnet · input tokens', false)$$,
  'of a period without an invoice everything is to be charged');
select is_empty('select * from _billing.late_sections(pg_temp.june())', 'and nothing is late');
select billing.run_monthly('2026-07-01');
select is_empty('select * from pg_temp.deltas', 'invoiced, nothing is');
select pg_temp.log(5000000);
select results_eq('select * from pg_temp.deltas', $$values
    ('minimum', -500::numeric, 'Minimum already charged, June 2026', true),
    ('usage', 1500, 'Late usage, June 2026 · Claude Sonnet · input tokens', true)$$,
  'usage that comes later is, less the minimum that was made up');
select results_eq('select section_start, net_minor from _billing.late_sections(pg_temp.june())',
  $$values ('2026-06-01'::date, 1000::numeric)$$, '10.00 more in all');
select pg_temp.log(-9000000);
select results_eq('select net_minor from _billing.late_sections(pg_temp.june())',
  $$values (0::numeric)$$, 'back below the minimum the client owes what it was charged');
select results_eq('select kind, amount_minor from pg_temp.deltas',
  $$values ('minimum', 1200::numeric), ('usage', -1200)$$,
  'one line set off against the other: 1M tokens are 3.00 of 20.00');

select is(array(select t from _billing.settled_targets(pg_temp.june()) t), pg_temp.june(),
  'invoiced targets are settled');
select is_empty($$select * from _billing.settled_targets(array[
    ('00000000-0000-0000-0000-00000000000a', '2026-07-01', '2026-08-01')::billing.rating_target])$$,
  'a period after them is not settled');
select results_eq($$select (d.line).kind, (d.line).amount_minor
    from _billing.line_deltas(pg_temp.june(), '{}') d where (d.line).amount_minor <> 0 order by 1$$,
  $$select l.kind, -sum(l.amount_minor) from public.invoice_lines l group by 1 order by 1$$,
  'were it rated at nothing, all that is booked would be given back');

select * from finish();
rollback;
