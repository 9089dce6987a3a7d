-- Quarantine is read by the page, and a page reads its own rows: neither those before it nor those
-- behind it, waiting or dismissed.
begin;
select plan(15);

insert into public.clients (id, name, external_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', '2026-06-01');
insert into public.agent_assignments (agent, client_id)
values ('HONEST', '00000000-0000-0000-0000-00000000000a');
set local billing.as_of = '2026-06-20 09:00+00';
-- Agents of nobody, each with two rows; one agent with many; two models without a price.
insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp", created_at)
select md5('n' || n)::uuid, 'AGENT-' || lpad((n / 2)::text, 5, '0'), 'claude-sonnet', 7,
  '2026-06-15 12:00+00', '2026-06-15 12:00+00'
from generate_series(0, 3999) n;
insert into public.agent_usage_logs (id, agent, model, input_tokens, "timestamp", created_at)
select md5('f' || n)::uuid, 'HONEST', 'claude-sonnet', 7, '2150-01-01', '2026-06-15 12:00+00'
from generate_series(1, 30) n;
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", created_at)
select 'HONEST', 'no-such-' || n, 7, '2026-06-15 12:00+00', '2026-06-15 12:00+00'
from generate_series(1, 2) n;
select _billing.rollup();
select billing.count_quarantine();

create function pg_temp.place(q billing.quarantine) returns text[] language sql as $$
  select array[q.reason, coalesce(q.agent, ''), coalesce(q.model, ''), coalesce(q.metric, ''),
    coalesce(q.client_id::text, ''), coalesce(q.rate_class, '')]
$$;
create function pg_temp.rows_read() returns bigint language sql as $$
  select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
  where relid = 'billing.quarantined_logs'::regclass
$$;
-- All pages of so many rows, one after the other.
create function pg_temp.pages(most bigint, only_reason text default null)
returns setof billing.quarantine language plpgsql as $$
declare
  q billing.quarantine;
  last text[];
  found_some boolean;
begin
  loop
    found_some := false;
    for q in select * from billing.list_quarantine(most, only_reason, last) loop
      last := pg_temp.place(q);
      found_some := true;
      return next q;
    end loop;
    exit when not found_some;
  end loop;
end $$;

create temporary table read on commit drop as select pg_temp.rows_read() as before;
select results_eq($$select reason, agent, rows::int, first_day from billing.list_quarantine(3)$$,
  $$values ('future_timestamp', 'HONEST', 30, date '2150-01-01'),
    ('no_client', 'AGENT-00000', 2, '2026-06-15'), ('no_client', 'AGENT-00001', 2, '2026-06-15')$$,
  'the first page: each group with its rows and days');
-- Thirty, two and two rows, each group found by one more, and the group behind them.
select cmp_ok(pg_temp.rows_read() - (select before from read), '<=', 38::bigint,
  'reads the rows of its groups');
update read set before = pg_temp.rows_read();
select results_eq($$select agent from billing.list_quarantine(2, null,
    '{no_client,AGENT-01500,claude-sonnet,"","",""}')$$,
  $$values ('AGENT-01501'), ('AGENT-01502')$$,
  'a page in the middle begins behind the row it names');
select cmp_ok(pg_temp.rows_read() - (select before from read), '<=', 8::bigint,
  'and reads nothing before it');
select results_eq($$select * from pg_temp.pages(700)$$, $$select * from billing.quarantine q
    order by q.client_id is not null, pg_temp.place(q) collate "C"$$,
  'all pages together are all of quarantine, each row once');
select results_eq($$select * from pg_temp.pages(1, 'unpriced_usage')$$,
  $$select * from billing.quarantine q where q.reason = 'unpriced_usage'
    order by pg_temp.place(q) collate "C"$$, 'of usage without a price too, page by page');
select results_eq($$select * from pg_temp.pages(7, 'future_timestamp')$$,
  $$select * from billing.quarantine q where q.reason = 'future_timestamp'$$,
  'of one reason nothing else is listed');
select is_empty($$select * from billing.list_quarantine(10, 'no')$$, 'of no reason nothing');
select results_eq($$select agent from billing.list_quarantine(2, 'no_client',
    '{future_timestamp,A,"","","",""}')$$, $$values ('AGENT-00000'), ('AGENT-00001')$$,
  'behind a row of a reason before it a reason begins with its first');

select billing.dismiss_quarantined('a flood', agent => 'AGENT-00001');
select results_eq($$select agent from billing.list_quarantine(2, 'no_client')$$,
  $$values ('AGENT-00000'), ('AGENT-00002')$$, 'dismissed logs are not listed');
select billing.dismiss_quarantined('a flood', reason => 'no_client');
select has_trigger('billing', 'dismissed_logs', t,
  'which marks the rows by _billing.mark_dismissed')
from unnest('{mark_dismissed,mark_reinstated}'::text[]) t;
update read set before = pg_temp.rows_read();
select is_empty($$select * from _billing.waiting_groups(2, 'no_client', null)$$,
  'all of it dismissed');
select cmp_ok(pg_temp.rows_read() - (select before from read), '<=', 8::bigint,
  'is not read either');
select billing.reinstate_dismissed(array[md5('n0')::uuid]);
select results_eq($$select agent, rows::int from billing.list_quarantine(2, 'no_client')$$,
  $$values ('AGENT-00000', 1)$$, 'a reinstated log is listed again');

select * from finish();
rollback;
