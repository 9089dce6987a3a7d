-- Invariants alarm on faults and on nothing else: drafts within their grace, late lines on them and
-- what could not be credited are no faults; missing charges and overcharges are.
begin;
select plan(11);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a93', 'Grace', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b93', 'Inclusive', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000c93', 'Goodwill', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000d93', 'Ordinary', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours, taxes)
select id, 0, case name when 'Grace' then 48 else 0 end, case name when 'Inclusive'
  then '[{"name": "IVA", "rate_percent": "20", "behavior": "inclusive"}]'::jsonb else '[]' end
from public.clients;
create function pg_temp.log(client text, day date, searches bigint) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
  select 'S', 'claude-sonnet', searches, id, day
  from public.clients where name = client;
$$;
create function pg_temp.take_back(client text, searches bigint) returns void
language plpgsql as $$
declare
  log record;
begin
  for log in select l.id, l.web_searches
    from public.agent_usage_logs l join public.clients c on c.id = l.client_id
    where c.name = client and l."timestamp" < '2026-07-01' and l.web_searches > 0
    order by l."timestamp" desc
  loop
    perform billing.correct_log(log.id, jsonb_build_object('web_searches',
      log.web_searches - least(searches, log.web_searches)), 'sent twice');
    searches := searches - least(searches, log.web_searches);
    exit when searches = 0;
  end loop;
end $$;
create view pg_temp.found as select * from billing.check_invariants('2026-01-01');
select set_config('billing.as_of', '2026-09-02', true);

select pg_temp.log(name, '2026-06-10', 1200) from public.clients;
select billing.run_monthly('2026-07-01');
select is_empty('select * from pg_temp.found', 'a draft within its grace is no fault');
select billing.run_monthly('2026-07-03');
select pg_temp.log('Grace', '2026-06-11', 300), pg_temp.log('Grace', '2026-07-11', 100);
select billing.issue_credit_note(i.id, 'goodwill', 1000, false, '2026-07-04')
from public.invoices i where i.client_id = '00000000-0000-4000-8000-000000000c93';
select pg_temp.take_back('Goodwill', 900), pg_temp.take_back('Inclusive', 600);
select billing.run_monthly('2026-08-01');
select is_empty('select * from pg_temp.found',
  'nor are late lines on a draft, what no invoice has room to credit, or inclusive tax in a note');
select results_eq($$select client_id, section_start, net_minor from _billing.late_sections(array[
    ('00000000-0000-4000-8000-000000000c93', '2026-06-01', '2026-07-01')::billing.rating_target])$$,
  $$values ('00000000-0000-4000-8000-000000000c93'::uuid, '2026-06-01'::date, -700::numeric)$$,
  '12.00, 10.00 given, 9.00 taken back: 2.00 credited, 7.00 could not be');
select is_empty('select * from _billing.misbooked_sections()', 'no section is booked wrongly');

-- Each fault, planted beside all of that.
create function pg_temp.seen(sabotage text) returns text language plpgsql as $$
declare
  guarded regclass;
  found text;
begin
  for guarded in select t.tgrelid from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where c.relnamespace::regnamespace::text in ('public', 'billing', '_billing') group by 1
  loop
    execute format('alter table %s disable trigger user', guarded);
  end loop;
  execute sabotage;
  select string_agg(invariant || ' ' || detail, '; ' order by invariant, detail) into found
  from pg_temp.found where invariant <> 'records_equal_logs';
  raise exception using errcode = 'LB001', message = coalesce(found, '');
exception when sqlstate 'LB001' then
  return sqlerrm;
end $$;
select is(pg_temp.seen($$update public.usage_records set quantity = quantity - 200
    where client_id = '00000000-0000-4000-8000-000000000d93' and metric = 'web_searches'$$),
  'booked_is_rated 2026-06-01: 200 too much is charged', 'an overcharge that stays');
select is(pg_temp.seen($$update public.usage_records set quantity = quantity + 200
    where client_id = '00000000-0000-4000-8000-000000000d93' and metric = 'web_searches'$$),
  'booked_is_rated 2026-06-01: 200 is missing', 'usage that was never billed');
select is(pg_temp.seen($$update public.usage_records set quantity = quantity + 200
    where client_id = '00000000-0000-4000-8000-000000000a93' and metric = 'web_searches'
      and usage_day = '2026-06-11'$$),
  'booked_is_rated 2026-06-01: 200 is missing', 'also beside late lines on a draft');
select is(pg_temp.seen($$delete from public.invoice_lines where is_late$$),
  'booked_is_rated 2026-06-01: 300 is missing; total_is_sum_of_lines total 400, lines 100',
  'late lines that are gone');
select is(pg_temp.seen($$delete from public.invoice_lines l using public.invoices i
    where i.id = l.invoice_id and i.status = 'draft';
  delete from public.invoices where status = 'draft'$$),
  'booked_is_rated 2026-06-01: 300 is missing; invoiced_means_an_invoice 2026-07-01 is invoiced',
  'a draft that is gone');
select matches(pg_temp.seen($$update public.credit_note_lines set amount_minor = amount_minor - 1
    where kind = 'usage' and section_start is not null
      and credit_note_id in (select id from public.credit_notes
        where client_id = '00000000-0000-4000-8000-000000000b93')$$),
  'credit_note_is_sum_of_lines total 600, lines 599', 'a note of inclusive tax a cent off');

-- An item that came after its month was skipped waits for the next; it is no charge of that month.
savepoint before_item;
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000e93', 'Late item', '2026-05-31');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000e93', 0);
select billing.run_monthly('2026-08-05');
select pg_temp.log('Late item', '2026-06-01', 1000);
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000e93', 'allowance', -60, 'USD', '2026-07-29');
select billing.run_monthly('2026-08-22');
select is_empty($$select * from pg_temp.found where subject like '%e93'$$,
  'an allowance that waits for a month to come contradicts nothing');
rollback to before_item;

select * from finish();
rollback;
