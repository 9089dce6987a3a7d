-- Sources of list prices: which agree, what follows them, and what waits for a decision.
begin;
select plan(60);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
set local billing.as_of = '2026-06-21 12:00+00';

create function pg_temp.models(price text, deprecated text default null) returns jsonb
language sql as $$
  select jsonb_build_array(jsonb_build_object('id', 'new-1', 'provider', 'p',
    'deprecated_on', deprecated, 'prices', jsonb_build_array(jsonb_build_object(
      'metric', 'input_tokens', 'rate_class', 'standard', 'amount', price, 'field', 'f',
      'written', price))));
$$;
create function pg_temp.sync(source text, day date, price text, deprecated text default null)
returns text language sql as $$
  select concat_ws(' ', s.new_models, s.new_prices, s.proposals)
  from billing.sync_list_prices(source,
    encode(sha256(convert_to(source || price || day, 'UTF8')), 'hex'), day::timestamptz, 1,
    pg_temp.models(price, deprecated), convert_to(source || price || day, 'UTF8')) s;
$$;
create function pg_temp.in_force() returns text language sql as $$
  select string_agg(concat_ws(' ', l.amount, 'from', l.effective_from, 'by', s.source), ', '
    order by l.effective_from)
  from public.list_prices l join public.price_syncs s on s.id = l.sync_id
  where l.model = 'new-1';
$$;
create function pg_temp.proposals() returns text language sql as $$
  select string_agg(concat_ws(' ', p.kind, p.new_amount, p.state, p.decided_by, a.source), ', '
    order by p.id)
  from public.price_proposals p left join public.price_syncs a on a.id = p.agreed_sync_id;
$$;

-- The sources.
select results_eq('select id, enabled from public.price_sources order by id',
  $$values ('litellm', false), ('models.dev', false), ('openrouter', false)$$,
  'every source is off at first');
select throws_like($$update public.price_sources set url = 'http://example.com/prices'$$,
  '%price_sources_url_safe%', 'prices are not fetched where others can change them');
select throws_like($$update public.price_sources set url = 'https://a@example.com/prices'$$,
  '%price_sources_url_safe%', 'nor with a password in the address');
select lives_ok($$update public.price_sources set url = 'http://127.0.0.1:8000/x'$$,
  'but from this machine');
select is((select count(*) from billing.audit_log where table_name = 'price_sources'), 3::bigint,
  'a change of a source is in the audit log with its actor');

-- What a source sent is kept, and its hash is true of it.
select is(pg_temp.sync('litellm', '2026-06-01', '0.000003'), '1 1 0', 'a first source');
select is((select convert_from(raw, 'UTF8') from public.price_syncs),
  'litellm0.0000032026-06-01', 'the text of a source is kept, byte by byte');
select throws_like($$select * from billing.sync_list_prices('litellm', repeat('0', 64), now(), 1,
    pg_temp.models('0.000009'), 'other')$$, '%price_syncs_raw_hashed%',
  'under a hash that is true of it');

-- A text that says nothing new.
select ok(not _billing.is_compared('litellm', 'h1'), 'a text that was not seen');
select _billing.note_compared('litellm', 'h1', 1, '2026-06-01');
select ok(_billing.is_compared('litellm', 'h1'), 'was compared, then');
select ok(not _billing.is_compared('litellm', 'h2'), 'another one was not');
select ok(not _billing.is_compared('models.dev', 'h1'), 'nor one of another source');
create temporary table before on commit drop as
select xmin::text as version from billing.price_source_states;
select _billing.note_compared('litellm', 'h1', 1, '2026-06-02');
select is((select xmin::text from billing.price_source_states), (select version from before),
  'nothing is written of one that says nothing new');

select ok(exists (select from pg_locks l where l.pid = pg_backend_pid() and l.granted
  and l.relation = 'public.listed_models'::regclass and l.mode = 'ShareRowExclusiveLock'),
  'sync_list_prices: two sources are taken one after the other');

-- Two sources agree.
select is(pg_temp.sync('models.dev', '2026-06-02', '0.000004'), '0 0 1', 'a second source differs');
select is(pg_temp.proposals(), 'disagreement 0.000004 open', 'and is proposed');
select is(pg_temp.in_force(), '0.000003 from -infinity by litellm', 'nothing has changed');
select is((select count(*) from _billing.agreeing_proposals(array(
    select g from _billing.given_prices(pg_temp.models('0.000004')) g), 'models.dev')), 0::bigint,
  'a source does not agree with itself');
select is(pg_temp.sync('models.dev', '2026-06-03', '0.000004'), '0 0 0',
  'however often it says so');
select is(pg_temp.sync('litellm', '2026-06-04', '0.00000400000001'), '0 0 1',
  'almost the same is not the same');
select is(pg_temp.in_force(), '0.000003 from -infinity by litellm', 'and changes nothing');
select is(pg_temp.sync('litellm', '2026-06-05', '0.000004'), '0 0 0', 'exactly the same');
select is(pg_temp.in_force(), '0.000003 from -infinity by litellm, '
  || '0.000004 from 2026-06-02 by models.dev', 'is in force: nobody is sold anything by it');
select is(pg_temp.proposals(), 'disagreement 0.000004 accepted policy litellm, '
  || 'changed_price 0.00000400000001 superseded', 'by policy, and the other one is over');
select is((select reason from public.price_proposals where state = 'accepted'),
  'models.dev and litellm say exactly the same', 'with the reason');
select is((select count(*) from billing.audit_log where table_name = 'price_proposals'
  and after ->> 'decided_by' = 'policy'), 1::bigint, 'in the audit log, too');
select ok(not _billing.is_compared('litellm', 'h1'),
  'a text that was compared with the old price is compared again');

-- Two others do not overrule the source of the price in force.
select is(pg_temp.sync('openrouter', '2026-06-06', '0.000002'), '0 0 1',
  'a third source halves it');
select is(pg_temp.sync('litellm', '2026-06-06', '0.000002'), '0 0 0', 'and the first agrees');
select matches(pg_temp.proposals(), 'disagreement 0.000002 open litellm$',
  'while the second stands by its price, it waits');
select _billing.note_compared('litellm', 'h3', 1, '2026-06-06');
select is(pg_temp.sync('openrouter', '2026-06-07', '0.000004'), '0 0 0', 'the third takes it back');
select matches(pg_temp.proposals(), 'disagreement 0.000002 superseded litellm$', 'it is over');
select ok(not _billing.is_compared('litellm', 'h3'),
  'the first still says so: it is compared again');
select is(pg_temp.sync('litellm', '2026-06-08', '0.000002'), '0 0 1', 'and has its own proposal');
select is(pg_temp.sync('openrouter', '2026-06-08', '0.000002'), '0 0 0', 'the third agrees again');
select is(pg_temp.sync('openrouter', '2026-06-09', '0.000004'), '0 0 0', 'and no more');
select matches(pg_temp.proposals(), 'disagreement 0.000002 open$',
  'so nobody agrees with the first');
select billing.refuse_price_proposal(p.id, 'a slip') from public.price_proposals p
where p.state = 'open';

-- Somebody is sold by it: a list waits for decisions, until it is told to follow.
insert into public.prices (client_id, metric, pricing_model, unit_amount, per_units, markup_percent)
values ('00000000-0000-0000-0000-00000000000a', 'input_tokens', 'cost_plus', 0, 1000000, 20);
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp", created_at)
values ('S', 'new-1', 1000000, '00000000-0000-0000-0000-00000000000a', '2026-06-20', '2026-06-20');
select _billing.rollup();
select ok(_billing.sells_by_decision('new-1', 'input_tokens', '2026-06-20'),
  'Acme''s list waits for decisions');
select ok(not _billing.sells_by_decision('new-1', 'output_tokens', '2026-06-20'),
  'on what it is sold');
insert into public.prices (client_id, metric, pricing_model, cost_basis, unit_amount, per_units,
  markup_percent)
values ('00000000-0000-0000-0000-00000000000a', 'output_tokens', 'cost_plus', 'logged_cost', 0,
  1000000, 20);
select ok(not _billing.sells_by_decision('new-1', 'output_tokens', '2026-06-20'),
  'and what is sold at its logged cost is not sold by the list');
select is(pg_temp.sync('models.dev', '2026-06-15', '0.000005'), '0 0 1',
  'a changed price is proposed');
select is(pg_temp.sync('litellm', '2026-06-15', '0.000005'), '0 0 0', 'that two agree on');
select matches(pg_temp.proposals(), 'changed_price 0.000005 open litellm$', 'waits all the same');
select _billing.withdraw_agreement(array(
  select g from _billing.given_prices(pg_temp.models('0.000007')) g), 'openrouter');
select matches(pg_temp.proposals(), 'changed_price 0.000005 open litellm$',
  'a third that has not agreed takes back nothing');
select results_eq($$select minor from _billing.open_totals('new-1')$$, 'values (480::numeric)',
  'nothing that is sold has changed: 1M at 4.00 and a fifth');
select is((select effects -> 0 ->> 'minor' from public.price_proposals where state = 'open'), '120',
  'with what it would do: 1M at 6.00 is 1.20 more');
insert into public.price_policies (client_id, policy) values
  (null, 'follow'), ('00000000-0000-0000-0000-00000000000a', 'decide');
select throws_like($$insert into public.price_policies (policy) values ('decide')$$,
  '%price_policies_one_each%', 'a list has one policy');
select ok(_billing.sells_by_decision('new-1', 'input_tokens', '2026-06-20'),
  'the default list''s policy is not Acme''s');
update public.price_policies set policy = 'follow' where client_id is not null;
select ok(not _billing.sells_by_decision('new-1', 'input_tokens', '2026-06-20'),
  'Acme''s list follows');
select is(_billing.reason_to_follow(p, '2026-06-15'), 'models.dev and litellm say exactly the same',
  'so the reason holds') from public.price_proposals p where p.state = 'open';
select is(pg_temp.sync('models.dev', '2026-06-16', '0.000006'), '0 0 1', 'the next change');
select results_eq($$select minor from _billing.open_totals('new-1')$$, 'values (480::numeric)',
  'of one source changes nothing, also on a list that follows');
select is(pg_temp.sync('litellm', '2026-06-16', '0.000006'), '0 0 0', 'two agree on it');
select results_eq($$select minor from _billing.open_totals('new-1')$$, 'values (720::numeric)',
  'and Acme is charged by it: 1M at 6.00 and a fifth');

-- The end of a model, told by the source that lists it; and a source that is cut off.
select pg_temp.sync('litellm', '2026-06-17', '0.000006', '2026-07-10');
select pg_temp.sync('openrouter', '2026-06-17', '0.000006', '2026-08-10');
select is((select deprecated_on from public.listed_models), '2026-07-10'::date,
  'a model that has long been known ends on a day');
select _billing.note_compared('openrouter', 'h9', 300, '2026-06-17');
select throws_like($$select _billing.require_whole('openrouter', 200)$$, '%looks cut off%',
  'a source that had three hundred models has not two hundred');

-- Steps.
update public.price_policies set policy = 'decide';
select pg_temp.sync('models.dev', '2026-06-18', '0.000007'),
  pg_temp.sync('litellm', '2026-06-18', '0.000007');
select matches(pg_temp.proposals(), 'changed_price 0.000007 open litellm$',
  'two sources that agree make one proposal');
select _billing.withdraw_agreement(array(
  select g from _billing.given_prices(pg_temp.models('0.000006')) g), 'litellm');
select is((select count(*) from public.price_proposals where agreed_sync_id is not null
  and state = 'open' and new_amount = 0.000007), 0::bigint, 'an agreement is taken back');
select _billing.update_deprecations(pg_temp.models('1', '2026-09-01'), 'models.dev');
select is((select deprecated_on from public.listed_models), '2026-07-10'::date,
  'another source''s word on the end of a model is not taken');
select is(_billing.add_models('[{"id": "new-2", "provider": "p"}]', array[('new-2', 'input_tokens',
  'standard', null, 0.1, 'f', '0.1')::_billing.given_price], '{new-2}', (
    select max(id) from public.price_syncs)), 1, 'a model is added with its prices');

select * from finish();
rollback;
