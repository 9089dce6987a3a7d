-- Proposals about prices: their effect is rated, a decision does what was proposed, and no more.
begin;
select plan(49);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients;
set local billing.as_of = '2026-06-21 12:00+00';

create function pg_temp.sync(day date, prices text, deprecated date default null) returns text
language sql as $$
  select concat_ws(' ', s.new_models, s.new_prices, s.proposals)
  from billing.sync_list_prices('litellm', encode(sha256((prices || day)::bytea), 'hex'),
    day::timestamptz, 1000, jsonb_build_array(jsonb_build_object('id', 'new-1', 'provider', 'p',
      'deprecated_on', deprecated,
      'prices', (select jsonb_agg(jsonb_build_object('metric', split_part(p, ' ', 1),
        'rate_class', split_part(p, ' ', 2), 'amount', split_part(p, ' ', 3), 'field', 'f',
        'written', split_part(p, ' ', 3))) from regexp_split_to_table(prices, ', ') p)))) s;
$$;
create function pg_temp.log(client text, day text, tokens bigint, metadata text default '{}')
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, metadata, client_id,
    "timestamp", created_at)
  select 'S', 'new-1', tokens, metadata::jsonb, c.id, day::timestamptz, day::timestamptz
  from public.clients c where c.name = client;
$$;
create function pg_temp.open() returns bigint language sql as $$
  select p.id from public.price_proposals p where p.state = 'open';
$$;

select pg_temp.sync('2026-06-01', 'input_tokens standard 0.000003', '2026-07-10');
insert into public.prices (client_id, metric, pricing_model, unit_amount, per_units, markup_percent)
select '00000000-0000-0000-0000-00000000000a', m, 'cost_plus', 0, 1000000, 20
from unnest('{input_tokens,output_tokens}'::text[]) m;
select pg_temp.log('Acme', '2026-06-10', 1000000), pg_temp.log('Acme', '2026-06-20', 2000000),
  pg_temp.log('Birch', '2026-06-20', 5000000);
select _billing.rollup();

-- A changed price, and what it would do: 2M since the 15th at 3.60 would
-- be at 4.80, 2.40 more.
select is(pg_temp.sync('2026-06-15', 'input_tokens standard 0.000004'), '0 0 1',
  'a changed price is proposed');
select is((select effects from public.price_proposals), jsonb_build_array(jsonb_build_object(
  'client_id', '00000000-0000-0000-0000-00000000000a', 'currency', 'USD', 'minor', '240')),
  'with what each client''s open period would come to more');
select is((select count(*) from public.list_prices), 1::bigint, 'which was taken back');
select results_eq($$select minor from _billing.open_totals('new-1')$$, 'values (1080::numeric)',
  'as before: 3M at 3.60, and Birch has no price');
select is(_billing.proposal_effects(p, '2026-06-05') -> 0 ->> 'minor', '360',
  'from another day it would be more') from public.price_proposals p;
select throws_like($$select billing.accept_price_proposal(pg_temp.open(), ' ')$$,
  '%needs a reason%', 'a decision needs a reason');
select throws_like($$select billing.accept_price_proposal(0, 'why')$$, '%no price proposal%',
  'of a proposal that exists');
select throws_like($$select billing.accept_price_proposal(pg_temp.open(), 'why',
  markup_percent => 'NaN')$$, '%markup_percent%', 'with a markup that is a number');
select lives_ok($$select billing.accept_price_proposal(pg_temp.open(), 'announced')$$,
  'a proposal is accepted');
select results_eq($$select amount, effective_from::text, effective_until::text
    from public.list_prices order by effective_from$$,
  $$values (0.000003, '-infinity', '2026-06-15'), (0.000004, '2026-06-15', 'infinity')$$,
  'ends the old price on the day that the source was fetched');
select results_eq($$select minor from _billing.open_totals('new-1')$$, 'values (1320::numeric)',
  'and does what was said');
select is((select concat_ws(' ', p.state, 'by', p.decided_by, p.reason)
  from public.price_proposals p), concat_ws(' ', 'accepted by', session_user, 'announced'),
  'by whom and why');
select is((select count(*) from billing.audit_log where table_name = 'price_proposals'
  and operation = 'update' and after ? 'state'), 1::bigint, 'is in the audit log');
select throws_like(format('select billing.refuse_price_proposal(%s, ''why'')', p.id),
  '%is accepted since%', 'it is decided once') from public.price_proposals p;
select is(pg_temp.sync('2026-06-16', 'input_tokens standard 0.000004'), '0 0 0',
  'an accepted price is in force');

-- Refused.
select is(pg_temp.sync('2026-06-16', 'input_tokens standard 0.000002'), '0 0 1', 'a halved price');
select throws_like($$select billing.accept_price_proposal(pg_temp.open(), 'why', '2026-06-15')$$,
  '%begins on 2026-06-15%', 'cannot begin where the price in force does');
select lives_ok($$select billing.refuse_price_proposal(pg_temp.open(), 'a slip of the source')$$,
  'a proposal is refused');
select is(pg_temp.sync('2026-06-17', 'input_tokens standard 0.000002'), '0 0 0',
  'and not proposed again');
select is((select count(*) from public.list_prices), 2::bigint, 'nothing has changed');

-- A new rate class of a known model: from the day on, not for what was billed as standard.
select is(pg_temp.sync('2026-06-18', 'input_tokens batch 0.000001'), '0 0 1',
  'a class that is new for a known model is proposed, too');
select is(_billing.first_day_of(p), '2026-06-18', 'from the day of the source on')
from public.price_proposals p where p.state = 'open';
select billing.refuse_price_proposal(pg_temp.open(), 'x');
select is(pg_temp.sync('2026-06-18', 'output_tokens standard 0.00001'), '0 0 1', 'a new metric');
select is(_billing.first_day_of(p), '-infinity', 'for all days: it could not be billed so far')
from public.price_proposals p where p.state = 'open';
select billing.refuse_price_proposal(pg_temp.open(), 'x');

-- Settled periods keep their list price.
select is(pg_temp.sync('2026-06-19', 'input_tokens standard 0.000005'), '0 0 1',
  'another change is proposed');
set local billing.as_of = '2026-07-02 12:00+00';
select billing.run_monthly();
select results_eq($$select i.total_minor from public.invoices i$$, 'values (1320::bigint)',
  'June is billed');
select results_eq($$select period_start from _billing.relisted_sections(
    (select l from public.list_prices l where l.effective_from = '2026-06-15'))$$,
  $$values ('2026-06-01'::date)$$, 'by the list prices of June');
select throws_like($$select billing.accept_price_proposal(pg_temp.open(), 'why', '2026-06-19')$$,
  '%this list price would change what Acme was charged for June 2026%',
  'a list price of June cannot change any more');
select is(_billing.first_day_of(p), '2026-07-01', 'but from July on')
from public.price_proposals p where p.state = 'open';
select lives_ok($$select billing.accept_price_proposal(pg_temp.open(), 'late')$$,
  'a proposal can be accepted from a later day');

-- A model without a price, whose list price is known: one proposal, which releases its client.
select results_eq($$select model, metric, (list_price).amount
    from _billing.unpriced_but_listed()$$, $$values ('new-1', 'input_tokens', 0.000005)$$,
  'Birch pays fixed prices, and the model has none');
select results_eq('select model from _billing.models_in_use()', $$values ('new-1')$$,
  'it is used in a period that is open');
select is(billing.propose_models(), 2::bigint, 'one proposal for it, and one for its end');
select is(billing.propose_models(), 0::bigint, 'each proposal is made once');
select results_eq($$select kind, message, effects -> 0 ->> 'minor' from public.price_proposals
    where state = 'open' order by kind$$, $$values
    ('deprecation', 'new-1 is used, and its provider ends it on 2026-07-10', null),
    ('new_model', 'new-1 has no price and blocks its clients; its list prices are $5.00 per 1M '
      || 'for input_tokens', '2500')$$, '5M at the list price of 5.00 are 25.00');
select matches((select message from _billing.proposal_notice()),
  '^2 price proposals are to be decided: .*new-1 has no price .*changes open periods of a client',
  'operators are told of all that are open');
select billing.accept_price_proposal(p.id, 'sell it', markup_percent => 20)
from public.price_proposals p where p.state = 'open';
select results_eq($$select model, metric, pricing_model, unit_amount, per_units
    from public.prices where model = 'new-1'$$,
  $$values ('new-1', 'input_tokens', 'per_unit', 6.0000000, 1000000::numeric)$$,
  'sold at the list price and a fifth, fixed');
select billing.run_monthly();
select results_eq($$select i.total_minor from public.invoices i order by 1$$,
  'values (1320::bigint), (3000)', 'and Birch is billed 5M at 6.00');

select is((select count(*) from _billing.proposal_notice()), 0::bigint, 'nothing is left');

-- Steps.
select trigger_is('public', 'list_prices', 'guard_settled', '_billing', 'guard_settled_list_price',
  'settled periods are guarded');
select trigger_is('public', 'list_prices', 'guard_settled_at_commit', '_billing',
  'guard_settled_list_price', 'again at the commit');
select trigger_is('public', 'price_proposals', 'note_effects', '_billing', 'note_effects',
  'a proposal knows its effects');
select is(pg_temp.sync('2026-07-03', 'input_tokens standard 0.000007'), '0 0 1',
  'another change of the same price is proposed');
select is((_billing.open_proposal(pg_temp.open(), 'why')).new_amount, 0.000007, 'it is open');
select throws_like($$select _billing.open_proposal(pg_temp.open(), '')$$, '%needs a reason%',
  'and asks for a reason');
select _billing.apply_list_price(p, '2026-07-04') from public.price_proposals p
where p.state = 'open';
select is((billing.list_price('new-1', 'input_tokens', 'standard', '2026-07-04')).amount, 0.000007,
  'a list price is put in force');
select _billing.apply_proposal(p, '2026-07-05', 0) from public.price_proposals p
where p.kind = 'deprecation';
select is((select count(*) from public.list_prices where effective_from >= '2026-07-05'), 0::bigint,
  'the end of a model puts none in force');
select pg_temp.log('Birch', '2026-07-02', 1000000,
  '{"reasoning_tokens": 1, "counting": "exclusive"}');
select _billing.rollup();
select _billing.sell_at_list('new-1', 0, '2026-07-01');
select is((select count(*) from public.prices where model = 'new-1'), 1::bigint,
  'usage that has a price, or no list price, gets none');

-- Of two settled periods the later one ends last: Acme's July and one from the 15th on.
insert into public.clients (id, name, started_on, billing_anchor_day)
values ('00000000-0000-0000-0000-00000000000c', 'Corner', '2026-07-15', 15);
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-0000-0000-00000000000c', 0);
insert into public.prices (client_id, metric, pricing_model, unit_amount, per_units, markup_percent)
values ('00000000-0000-0000-0000-00000000000c', 'input_tokens', 'cost_plus', 0, 1000000, 20);
select pg_temp.log('Acme', '2026-07-25', 1000000), pg_temp.log('Corner', '2026-07-25', 1000000);
set local billing.as_of = '2026-08-16 12:00+00';
select billing.run_monthly();
select pg_temp.sync('2026-07-20', 'input_tokens standard 0.000008');
select is(_billing.first_day_of(p), '2026-08-15', 'a price holds after all that is settled')
from public.price_proposals p where p.state = 'open' and p.new_amount = 0.000008;

select * from finish();
rollback;
