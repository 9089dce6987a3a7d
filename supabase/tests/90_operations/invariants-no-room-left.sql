-- More than its rating stays booked for a period where notes by hand have left no room on its
-- invoice; an invoice of another period has room for its own usage alone.
begin;
select plan(3);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000931', 'Credited', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
select 'S', 'claude-sonnet', x.searches, c.id, x.at
from public.clients c, (values (1200, timestamptz '2026-06-10'), (500, '2026-07-10'))
  x(searches, at);
select _billing.rollup();
select billing.run_monthly('2026-07-01'), billing.run_monthly('2026-08-01');

create function pg_temp.correct(searches integer) returns void language sql as $$
  select billing.correct_log(l.id, jsonb_build_object('web_searches', searches), 'sent twice')
  from public.agent_usage_logs l where l."timestamp" = '2026-06-10' and l.corrects_id is null;
  select _billing.rollup();
  update public.billing_periods set rated_version = usage_version where usage_changed;
$$;
select pg_temp.correct(900);
select results_eq('select section_start, net_minor from _billing.misbooked_sections()',
  $$values ('2026-06-01'::date, -300::numeric)$$, 'too much is booked for June');
select billing.issue_credit_note(i.id, 'goodwill') from public.invoices i
where i.period_start = '2026-06-01';
select is((select sum(i.total_minor) from public.invoices i), 1700::numeric, 'two invoices');
select is_empty('select * from _billing.misbooked_sections()',
  'all of June''s is given back by hand: July''s invoice has no room for June');

select * from finish();
rollback;
