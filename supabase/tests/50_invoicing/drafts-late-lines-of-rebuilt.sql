-- Late lines of a period that is being computed anew leave drafts that are remade meanwhile, and
-- are on them again with the first run after that. 3.00 a million tokens.
begin;
select plan(9);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000004811', 'Ended', '2026-06-01'),
  ('00000000-0000-4000-8000-000000004812', 'Waits', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
select id, 0, case name when 'Waits' then 72 else 0 end from public.clients;
insert into public.hold_limits (client_id, currency, ceiling_minor, factor)
select id, 'USD', 500, null from public.clients where name = 'Ended';
create function pg_temp.log(name text, day date, millions integer) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', millions * 1000000, c.id, day + interval '12 hours'
  from public.clients c where c.name = log.name;
$$;
create function pg_temp.draft(name text) returns text language sql as $$
  select string_agg(concat_ws(' ', to_char(l.section_start, 'FMMonth'), l.amount_minor), ', '
    order by l.section_start)
  from public.invoices i join public.clients c on c.id = i.client_id
  join public.invoice_lines l on l.invoice_id = i.id
  where c.name = draft.name and i.status = 'draft';
$$;
create function pg_temp.changed() returns bigint language sql as $$
  select count(*) from public.billing_periods p where p.usage_changed;
$$;

-- June and July of one are invoiced, and it has ended; of the other June is. Then usage comes late.
select pg_temp.log('Ended', '2026-06-10', 1), pg_temp.log('Ended', '2026-07-10', 1),
  pg_temp.log('Waits', '2026-06-10', 1);
select billing.run_monthly('2026-07-04');
update public.clients set ended_on = '2026-08-01' where name = 'Ended';
select billing.run_monthly('2026-08-01');
select pg_temp.log('Ended', '2026-06-11', 5), pg_temp.log('Ended', '2026-07-11', 2),
  pg_temp.log('Waits', '2026-06-11', 5), pg_temp.log('Waits', '2026-07-11', 2);
select billing.run_monthly('2026-08-02');
select is(pg_temp.draft('Ended'), 'June 1500, July 600', 'late usage waits on one held draft');
select is(pg_temp.draft('Waits'), 'June 1500, July 600', 'and on the draft of July');
select is(pg_temp.changed(), 0::bigint, 'nothing else is to be done');

insert into billing.rebuild_requests (client_ids, from_day, until_day, in_steps)
select array_agg(id), '2026-06-01', '2026-07-01', true from public.clients;
select billing.run_monthly('2026-08-02 12:00+00');
select is(pg_temp.draft('Ended'), 'July 600', 'made anew without June, which is being computed');
select is(pg_temp.draft('Waits'), 'July 600', 'as July''s');
select is(pg_temp.changed(), 2::bigint, 'the period of lost lines is marked');
delete from billing.rebuild_requests;
select billing.run_monthly('2026-08-02 18:00+00');
select is(pg_temp.draft('Ended'), 'June 1500, July 600', 'June is on it again');
select is(pg_temp.draft('Waits'), 'June 1500, July 600', 'and on July''s');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select * from finish();
rollback;
