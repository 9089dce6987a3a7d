-- Floods by one key, small: whatever it names, operators get few messages, and one statement
-- dismisses it all and leaves no trace in the figures.
begin;
select plan(14);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
insert into public.agent_assignments (agent, client_id)
values ('HONEST', '00000000-0000-0000-0000-00000000000a');
set local billing.as_of = '2026-06-20 09:00+00';
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", created_at)
select 'HONEST', 'claude-sonnet', 1000000, '2026-06-10 12:00+00', '2026-06-10 12:00+00'
from generate_series(1, 3);
select _billing.rollup();
create view pg_temp.figures as
select r.client_id, r.usage_day, r.agent, r.model, r.metric, r.quantity, r.log_count
from public.usage_records r order by 1, 2, 3, 4, 5;
create temporary table before as select * from pg_temp.figures;

-- Sixty of each: agents, clients and times of nobody; models, features and keys without a price.
update public.billing_settings set max_usage_keys_per_day = 100;
insert into public.agent_usage_logs (agent, model, input_tokens, other_features, metadata,
  "timestamp", created_at)
select case f.kind when 'agents' then 'AGENT-' || n else 'HONEST' end,
  case f.kind when 'models' then 'model-' || n else 'claude-sonnet' end, 7,
  case f.kind when 'features' then jsonb_build_object('feature-' || n, 1) else '{}' end,
  case f.kind when 'clients' then jsonb_build_object('client_id', 'client-' || n) else '{}' end,
  case f.kind when 'ancient' then timestamptz '1900-01-01' + n * interval '1 day'
    when 'future' then timestamptz '2150-01-01' + n * interval '1 day'
    else '2026-06-15 12:00+00' end, '2026-06-15 12:00+00'
from unnest('{agents,models,features,clients,ancient,future}'::text[]) f(kind),
  generate_series(1, 60) n;
select _billing.rollup();
-- Fifty models have two keys each; ten models and sixty features find no room.
select results_eq($$select reason, sum(rows)::int from billing.quarantine
    where reason <> 'unpriced_usage' group by reason order by reason$$,
  $$values ('future_timestamp', 60), ('invalid_timestamp', 60), ('no_client', 60),
    ('too_many_keys', 70), ('unknown_client', 60)$$,
  'logs without an owner or beyond the limit wait in quarantine');
select isnt_empty($$select * from billing.quarantine where reason = 'unpriced_usage'$$,
  'and so does what has no price');
select billing.queue_usage_alerts('2026-06-20 09:00+00');
select billing.run_monthly('2026-07-01 09:00+00');
select cmp_ok((select count(*) from public.deliveries where event in ('notice', 'run')), '<=',
  10::bigint, 'at most ten messages go out');
select is((select max(length(payload ->> 'message')) < 3000 from public.deliveries
  where event = 'notice'), true, 'none of them long');
select is((select count(*) from public.invoices), 0::bigint, 'the month is blocked');

-- A dismissal.
select throws_ok($$select billing.dismiss_unpriced(' ')$$, 'PT400', null, 'needs a reason');
select is(billing.dismiss_unpriced('x', '00000000-0000-0000-0000-0000000000ff'), 0::bigint,
  'of another client nothing is chosen');
select is(billing.dismiss_unpriced('x', agent => 'NOBODY'), 0::bigint, 'nor of another agent');
select is(billing.dismiss_unpriced('x', model => 'gpt-4o'), 0::bigint, 'nor of another model');
select is(billing.dismiss_unpriced('x', metric => 'nothing'), 0::bigint, 'nor of another metric');
select is(d.waiting + d.unpriced, 360::bigint, 'one statement dismisses every row of the flood')
from (select billing.dismiss_quarantined('a flood', before => 'infinity') as waiting,
  billing.dismiss_unpriced('a flood') as unpriced) d;
select _billing.rollup();
select results_eq('select * from pg_temp.figures', 'select * from before', 'which leaves no trace');
select is_empty('select * from billing.quarantine', 'not in quarantine');
select billing.run_monthly('2026-07-01 10:00+00');
-- 3 million input tokens of Sonnet at 3.00 a million are 9.00; the minimum of 50.00 holds.
select is((select array_agg(l.amount_minor order by l.amount_minor) from public.invoice_lines l
  where l.kind in ('usage', 'minimum')), '{900,4100}', 'nor on the invoice');

select * from finish();
rollback;
