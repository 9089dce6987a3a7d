-- Providers count differently; usage records do not. Cached tokens are part of the input at OpenAI
-- and Google and beside it at Anthropic; reasoning is part of the output at OpenAI and Anthropic
-- and beside it at Google. Every token is counted once, under one metric.
begin;
select plan(9);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.models (id, family, provider) values ('llama-3', 'llama-3', 'other');

create function pg_temp.call(run text, model text, input bigint, output bigint, metadata jsonb)
returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, metadata,
    client_id, "timestamp")
  values (run, model, input, output, metadata, '00000000-0000-0000-0000-00000000000a',
    '2026-06-10');
$$;
create function pg_temp.counted(run text) returns table (metric text, quantity numeric)
language sql as $$
  select concat_ws(' ', nullif(rate_class, 'standard'), metric), quantity from public.usage_records
  where agent = run and metric <> 'requests' order by 1;
$$;

-- OpenAI: {"prompt_tokens": 2006, "completion_tokens": 300, "prompt_tokens_details":
--   {"cached_tokens": 1920}, "completion_tokens_details": {"reasoning_tokens": 128}}
select pg_temp.call('OPENAI', 'gpt-4o', 2006, 300,
  '{"cache_read_tokens": 1920, "reasoning_tokens": 128}');
-- Anthropic: {"input_tokens": 21, "cache_creation_input_tokens": 188086,
--   "cache_read_input_tokens": 1200, "output_tokens": 393}, thinking within output_tokens
select pg_temp.call('ANTHROPIC', 'claude-sonnet-4-20250514', 21, 393,
  '{"cache_write_tokens": 188086, "cache_read_tokens": 1200, "reasoning_tokens": 90}');
-- Gemini: {"promptTokenCount": 5000, "cachedContentTokenCount": 4000, "candidatesTokenCount": 200,
--   "thoughtsTokenCount": 450}
select pg_temp.call('GOOGLE', 'gemini-1.5-pro', 5000, 200,
  '{"cache_read_tokens": 4000, "reasoning_tokens": 450}');
-- Another: each count says what it says.
select pg_temp.call('OTHER', 'llama-3', 100, 50,
  '{"cache_read_tokens": 30, "reasoning_tokens": 20}');
-- A model of no known provider: what is part of what is not known, and nothing of it has a price.
select pg_temp.call('UNKNOWN', 'brand-new-1', 100, 50, '{"reasoning_tokens": 20}');
-- A subset larger than its whole is at most the whole.
select pg_temp.call('CLAMPED', 'gpt-4o', 100, 10,
  '{"cache_read_tokens": 500, "reasoning_tokens": 11}');
-- A batch call has a rate class; searches are not tokens.
select pg_temp.call('BATCH', 'gpt-4o', 1000, 200, '{"batch": true, "cache_read_tokens": 400}');
select pg_temp.call('NOBATCH', 'gpt-4o', 1000, 200, '{"batch": "true"}');
-- A correction takes back what was logged, subsets included.
select pg_temp.call('CORRECTED', 'gpt-4o', 1000, 100, '{"cache_read_tokens": 400}');
select billing.retract_log(id, 'a test') from public.agent_usage_logs where agent = 'CORRECTED';
select _billing.rollup();

select results_eq($$select * from pg_temp.counted('OPENAI')$$,
  $$values ('cache_read_tokens', 1920::numeric), ('input_tokens', 86), ('output_tokens', 172),
    ('reasoning_tokens', 128)$$, 'OpenAI: cached is taken out of input, reasoning out of output');
select results_eq($$select * from pg_temp.counted('ANTHROPIC')$$,
  $$values ('cache_read_tokens', 1200::numeric), ('cache_write_tokens', 188086),
    ('input_tokens', 21), ('output_tokens', 303), ('reasoning_tokens', 90)$$,
  'Anthropic: cache beside input, thinking out of output');
select results_eq($$select * from pg_temp.counted('GOOGLE')$$,
  $$values ('cache_read_tokens', 4000::numeric), ('input_tokens', 1000), ('output_tokens', 200),
    ('reasoning_tokens', 450)$$, 'Google: cached out of input, thoughts beside output');
select results_eq($$select * from pg_temp.counted('OTHER')$$,
  $$values ('cache_read_tokens', 30::numeric), ('input_tokens', 100), ('output_tokens', 50),
    ('reasoning_tokens', 20)$$, 'other providers: as they say');
select results_eq($$select * from pg_temp.counted('UNKNOWN')$$,
  $$values ('unmapped_input_tokens', 100::numeric), ('unmapped_output_tokens', 50),
    ('unmapped_reasoning_tokens', 20)$$,
  'a model of no known provider: its tokens stand under metrics that have no price');
select results_eq($$select * from pg_temp.counted('CLAMPED')$$,
  $$values ('cache_read_tokens', 100::numeric), ('reasoning_tokens', 10)$$,
  'a part is never more than its whole');
select results_eq($$select * from pg_temp.counted('BATCH')
    union all select * from pg_temp.counted('NOBATCH')$$,
  $$values ('batch cache_read_tokens', 400::numeric), ('batch input_tokens', 600),
    ('batch output_tokens', 200), ('input_tokens', 1000), ('output_tokens', 200)$$,
  'batch usage is metered apart; only a true boolean is batch');
select results_eq($$select distinct quantity from pg_temp.counted('CORRECTED')$$,
  $$values (0::numeric)$$, 'a correction takes back exactly what was counted');

-- A provider that becomes known later: the usage is normalized anew by the next rollup.
insert into public.models (id, family, provider) values ('brand-new-1', 'brand-new', 'openai');
select _billing.rollup();
select results_eq($$select * from pg_temp.counted('UNKNOWN')$$,
  $$values ('input_tokens', 100::numeric), ('output_tokens', 30), ('reasoning_tokens', 20)$$,
  'a model that gets a provider is normalized anew');

select * from finish();
rollback;
