-- The head of the audit chain is told once a day, or what broke it.
begin;
select plan(5);
delete from public.deliveries;
insert into public.models (id, family) values ('head-1', 'm');

select is(_billing.report_audit_head('2026-07-01 04:20+00'), 1::bigint, 'operators are told');
select is((select payload ->> 'priority' from public.deliveries), 'low',
  'the notice has low priority');
select matches((select payload ->> 'message' from public.deliveries),
  'its head is ' || (select head_hash from billing.verify_audit_chain()),
  'the message names the head after all rows are sealed');
select is(_billing.report_audit_head('2026-07-01 23:00+00'), 0::bigint, 'once a day');
alter table billing.audit_log disable trigger user;
update billing.audit_log set actor = 'eve'
where id = (select max(audit_id) from billing.audit_seals);
select _billing.report_audit_head('2026-07-02 04:20+00');
select matches((select payload ->> 'message' from public.deliveries
    where payload ->> 'priority' = 'critical'),
  'row \d+ was changed \(position \d+\)', 'a break at once, as critical');

select * from finish();
rollback;
