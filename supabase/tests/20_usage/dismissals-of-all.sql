-- Dismissing all that waits takes one statement, whatever times agents have sent.
begin;
select plan(4);

insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
select 'FLOOD', 'claude-sonnet', 1, at::timestamptz
from unnest('{infinity,-infinity,2026-06-10 12:00+00,2199-12-31,2300-01-01}'::text[]) at;
select _billing.rollup();
select is((select count(*) from billing.quarantined_logs where not dismissed), 5::bigint,
  'rows of every time wait');
select is(billing.dismiss_quarantined('a flood', before => '2026-06-10 12:00+00'), 1::bigint,
  'rows before a time are dismissed, not those at it');
select is(billing.dismiss_quarantined('a flood', agent => 'FLOOD', before => 'infinity'), 4::bigint,
  'before infinity is everything, also what is dated so');
select is_empty('select * from billing.quarantined_logs where not dismissed', 'nothing is left');
select * from finish();
rollback;
