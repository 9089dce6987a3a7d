-- An id that nobody knows may mean a known model: that is proposed, and nothing is priced by it
-- before.
begin;
select plan(35);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
set local billing.as_of = '2026-06-21 12:00+00';

create function pg_temp.sync(day date, variadic models text[]) returns text language sql as $$
  select concat_ws(' ', s.new_models, s.new_prices, s.proposals)
  from billing.sync_list_prices('litellm', encode(sha256(convert_to(models::text || day, 'UTF8')),
    'hex'), day::timestamptz, 1000, (
      select jsonb_agg(jsonb_build_object('id', split_part(m, ' ', 1), 'provider',
        split_part(m, ' ', 2), 'prices', jsonb_build_array(jsonb_build_object('metric',
          'input_tokens', 'rate_class', 'standard', 'amount', split_part(m, ' ', 3), 'field', 'f',
          'written', split_part(m, ' ', 3))))) from unnest(models) m)) s;
$$;
create function pg_temp.means(id text) returns text language sql as $$
  select coalesce(string_agg(r.model, ', '), 'nothing') from billing.resolve_model(id) r;
$$;
create function pg_temp.log(client text, model text, tokens bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp",
    created_at)
  select 'S', model, tokens, c.id, '2026-06-20', '2026-06-20'
  from public.clients c where c.name = client;
$$;

select is(pg_temp.sync('2026-06-01', 'claude-x-4-5-20250929 anthropic 0.000003',
  'claude-x-4-5 anthropic 0.000003', 'anthropic.claude-x-4-5-20250929-v1:0 bedrock 0.0000033',
  'vertex_ai/claude-x-4-5@20250929 vertex_ai 0.000003', 'claude-y anthropic 0.000015',
  'gemini/gemini-z gemini 0.000001', 'llama-q groq 0.0000001', 'openrouter/a/b openrouter 0.000002',
  'gpt-4.1-mini openai 0.0000004'), '9 9 0', 'models of a source are known at once');

-- What ids may mean, the nearest first.
select is(pg_temp.means('anthropic/claude-x-4-5-20250929'), 'claude-x-4-5-20250929, claude-x-4-5',
  'a provider before the id');
select is(pg_temp.means('anthropic/claude-y'), 'claude-y', 'which is the known model''s');
select is(pg_temp.means('us.anthropic.claude-x-4-5-20250929-v1:0'),
  'anthropic.claude-x-4-5-20250929-v1:0, claude-x-4-5-20250929, claude-x-4-5',
  'a region of Bedrock: its own price before that of the maker');
select is(pg_temp.means('us.anthropic.claude-y-v1:0'), 'claude-y',
  'where Bedrock''s is not known, the maker''s');
select is(pg_temp.means('claude-x-4-5@20250929'), 'claude-x-4-5-20250929, claude-x-4-5',
  'a date as Vertex writes it');
select is(pg_temp.means('claude-y-20260101'), 'claude-y', 'a date that is not known');
select is(pg_temp.means('google/gemini-z'), 'gemini/gemini-z', 'another name of a provider');
select is(pg_temp.means('together_ai/llama-q'), 'nothing',
  'one provider''s price is not another''s');
select is(pg_temp.means('gpt-4.1-mini-2025-04-14'), 'gpt-4.1-mini', 'a point is no provider');
select is(pg_temp.means('claude-y'), 'nothing', 'a known id means itself');
select is(pg_temp.means('nobody-knows'), 'nothing', 'others mean nothing');
select is((select how from billing.resolve_model('anthropic/claude-y')), 'without its provider',
  'how they differ is said');
select is(_billing.provider_name('Google'), 'gemini', 'a provider by our name');
select is((select count(*) from _billing.other_ids('')), 0::bigint, 'nothing is another way of ""');
select is((select count(*) from _billing.other_ids(repeat('a/', 20000))) > 0, true,
  'a long id takes no time');

-- Used: it blocks, and is proposed once.
insert into public.prices (client_id, metric, pricing_model, unit_amount, per_units, markup_percent)
values ('00000000-0000-0000-0000-00000000000a', 'input_tokens', 'cost_plus', 0, 1000000, 20);
insert into public.prices (client_id, family, metric, unit_amount, per_units)
values ('00000000-0000-0000-0000-00000000000b', 'y', 'input_tokens', 20, 1000000);
insert into public.models (id, family, provider, long_context_above)
values ('claude-y', 'y', 'anthropic', 200000);
select pg_temp.log('Acme', 'anthropic/claude-y', 1000000),
  pg_temp.log('Birch', 'anthropic/claude-y', 2000000), pg_temp.log('Acme', 'nobody-knows', 1);
select _billing.rollup();
select results_eq($$select distinct model, reason from billing.quarantined_usage order by 1$$,
  $$values ('anthropic/claude-y', 'unpriced_usage'), ('nobody-knows', 'unpriced_usage')$$,
  'an id that is not known has no price, however like a known one it is');
select results_eq('select model, alias_of, how from _billing.unknown_but_like()',
  $$values ('anthropic/claude-y', 'claude-y', 'without its provider')$$,
  'one may mean a known model');
select is(billing.propose_models(), 1::bigint, 'which is proposed');
select is(billing.propose_models(), 0::bigint, 'an alias is proposed once');
select results_eq($$select kind, model, alias_of, message, effects -> 0 ->> 'minor'
    from public.price_proposals$$,
  $$values ('alias', 'anthropic/claude-y', 'claude-y', 'anthropic/claude-y is not known and blocks '
    || 'its clients; without its provider it would be claude-y', '1800')$$,
  'with its effect: 1M at 15.00 and a fifth');
select is((select count(*) from public.list_prices where model like 'anthropic/%'), 0::bigint,
  'nothing is priced by it yet');
select lives_ok($$select billing.accept_price_proposal(p.id, 'the same model')
    from public.price_proposals p$$, 'an alias is accepted');
select results_eq($$select model, amount, effective_from::text from public.list_prices
    where model = 'anthropic/claude-y'$$,
  $$values ('anthropic/claude-y', 0.000015, '-infinity')$$,
  'gives it the known model''s list price');
select results_eq($$select family, provider, long_context_above from public.models
    where id = 'anthropic/claude-y'$$,
  $$values ('y', 'anthropic', 200000::bigint)$$, 'and its family, counting and threshold');
select results_eq($$select distinct model, reason from billing.quarantined_usage$$,
  $$values ('nobody-knows', 'unpriced_usage')$$,
  'which releases exactly that: cost-plus and fixed');
select is(_billing.model_and_aliases('claude-y'), '{claude-y,anthropic/claude-y}',
  'they are one model from now on');
savepoint several;
insert into public.listed_models (id, provider, alias_of, is_decided_alias, sync_id)
select v.id, 'anthropic', 'claude-y', true, m.sync_id
from unnest('{a/claude-y,z/claude-y}'::text[]) v(id), public.listed_models m
where m.id = 'anthropic/claude-y';
select is(_billing.model_and_aliases('claude-y'),
  '{claude-y,a/claude-y,anthropic/claude-y,z/claude-y}', 'of several aliases each, by name');
rollback to several;

-- A list price that changes is one for both.
select is(pg_temp.sync('2026-06-15', 'claude-y anthropic 0.00002'), '0 0 1',
  'a change of the alias is proposed');
select is((select effects -> 0 ->> 'minor' from public.price_proposals where state = 'open'), '600',
  'a proposal for a model has the effect on its alias: 1M at 24.00 is 6.00 more');
select billing.accept_price_proposal(p.id, 'announced') from public.price_proposals p
where p.state = 'open';
select results_eq($$select model, amount, effective_from::text from public.list_prices
    where model like '%claude-y' order by 1, 3$$,
  $$values ('anthropic/claude-y', 0.000015, '-infinity'), ('anthropic/claude-y', 0.00002,
    '2026-06-15'), ('claude-y', 0.000015, '-infinity'), ('claude-y', 0.00002, '2026-06-15')$$,
  'and one decision puts it in force for both');

-- Refused, and not proposed again.
select pg_temp.log('Acme', 'us.anthropic.claude-x-4-5-20250929-v1:0', 1000000);
select _billing.rollup();
select is(billing.propose_models(), 1::bigint, 'another unknown id is proposed');
select billing.refuse_price_proposal(p.id, 'another price') from public.price_proposals p
where p.state = 'open';
select is(billing.propose_models(), 0::bigint, 'a refused alias is not proposed again');
select is((select count(*) from public.listed_models where id like 'us.%'), 0::bigint,
  'and has no price');
select _billing.apply_alias('us.anthropic.claude-x-4-5-20250929-v1:0', 'claude-x-4-5');
select is((billing.list_price('us.anthropic.claude-x-4-5-20250929-v1:0', 'input_tokens', 'standard',
  '2026-06-20')).amount, 0.000003, 'a known model without a mapping gives its list price alone');

select * from finish();
rollback;
