-- What is counted and cannot be billed is listed as of the last count, by index: a page reads its
-- own groups, however many there are.
begin;
select plan(18);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-4000-8000-000000000058', 'Acme', 'acme', '2026-06-01');
insert into public.agent_assignments (agent, client_id)
values ('HONEST', '00000000-0000-4000-8000-000000000058');
set local billing.as_of = '2026-06-20 09:00+00';
-- Two hundred models without a price on ten days, each with two calls.
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", created_at)
select 'HONEST', 'no-such-' || lpad(n::text, 3, '0'), 7,
  timestamptz '2026-06-05 12:00+00' + (n % 10 + day) * interval '1 day', '2026-06-16'
from generate_series(0, 199) n, generate_series(0, 1) day;
select _billing.rollup();
select is_empty('select * from billing.list_quarantine(10)', 'nothing is listed before the count');
select is(billing.count_quarantine('2026-06-20'), 400::bigint, 'log rows are counted');
select results_eq('select * from billing.quarantine_summary()',
  $$values ('unpriced_usage', 400::bigint)$$, 'and summed by reason');
select results_eq('select * from _billing.summarize_quarantine()',
  'select * from billing.quarantine_summary()', 'as they are at this moment');
select is(billing.count_quarantine('2026-06-20'), 400::bigint,
  'another count finds the same groups');
select results_eq(
  $$select n_tup_ins, n_tup_upd, n_tup_del from pg_stat_xact_user_tables
    where relid = 'billing.quarantine_groups'::regclass$$,
  'values (200::bigint, 0::bigint, 0::bigint)', 'unchanged groups are not written again');

create function pg_temp.rows_read() returns bigint language sql as $$
  select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
  where relid = 'billing.quarantine_groups'::regclass
$$;
create function pg_temp.usage_read() returns bigint language sql as $$
  select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
  where relid = 'public.usage_records'::regclass
$$;
create temporary table read on commit drop as
select pg_temp.rows_read() as groups, pg_temp.usage_read() as usage;
select results_eq($$select reason, model, metric, rows, first_day, last_day
    from billing.list_quarantine(2, null, '{unpriced_usage,HONEST,no-such-149,input_tokens,'
      '00000000-0000-4000-8000-000000000058,standard}')$$,
  $$values ('unpriced_usage', 'no-such-150', 'input_tokens', 2::bigint, date '2026-06-05',
      date '2026-06-06'),
    ('unpriced_usage', 'no-such-151', 'input_tokens', 2, '2026-06-06', '2026-06-07')$$,
  'a page in the middle: two groups, each with its rows and days');
select cmp_ok(pg_temp.rows_read() - groups, '<=', 3::bigint, 'reads its groups alone') from read;
select is(pg_temp.usage_read(), usage, 'and no usage') from read;
update read set groups = pg_temp.rows_read();
select is((select count(*) from billing.list_quarantine(5, 'unpriced_usage')), 5::bigint,
  'the first page of a reason');
select cmp_ok(pg_temp.rows_read() - groups, '<=', 6::bigint, 'reads its groups too') from read;
select is_empty($$select * from billing.list_quarantine(5, 'outside_service')$$,
  'of another reason there is none');

-- Another call, and a price.
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", created_at)
values ('HONEST', 'no-such-000', 7, '2026-06-15 12:00+00', '2026-06-16');
insert into public.prices (model, metric, unit_amount) values ('no-such-001', 'input_tokens', 1);
select _billing.rollup();
select is(billing.count_quarantine('2026-06-20'), 399::bigint,
  'a group of three and one less: 400 + 1 - 2');
select results_eq('select model, rows, last_day from billing.list_quarantine(2)',
  $$values ('no-such-000', 3::bigint, date '2026-06-15'), ('no-such-002', 2, '2026-06-08')$$,
  'released groups are not listed, grown ones are updated');

-- A blank name is a name.
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", created_at)
values ('HONEST', '', 7, '2026-06-15 12:00+00', '2026-06-16');
select _billing.rollup();
select billing.count_quarantine('2026-06-20');
select results_eq('select agent, model, metric from billing.list_quarantine(1)',
  $$values ('HONEST', '', 'input_tokens')$$, 'a blank model is listed as it is');
select results_eq($$select agent, model, metric from billing.quarantine where model = ''$$,
  $$values ('HONEST', '', 'input_tokens')$$, 'as the view has it');
select is(billing.dismiss_unpriced('nameless', model => ''), 1::bigint,
  'dismissed, it takes no other with it');
select billing.dismiss_unpriced('a flood');
select _billing.rollup();
select billing.count_quarantine('2026-06-20');
select is_empty('select * from billing.list_quarantine(2) where reason = $$unpriced_usage$$',
  'dismissed groups are not listed');

select * from finish();
rollback;
