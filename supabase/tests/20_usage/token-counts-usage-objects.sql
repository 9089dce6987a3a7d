-- No token is billed twice, and none is lost: usage objects as providers and gateways send them,
-- logged as they say. The bill is what the object itself adds up to. Where it is not known
-- what a count is part of, nothing is billed until the model is mapped or the row says it.
begin;
select plan(6);

-- Where each object has its counts. `whole`: the counts that add up to all of its tokens.
create temporary table objects (name text, provider text, counting text, input text, output text,
  read text, written text, reasoning text, whole text[], usage jsonb);
insert into objects values
  ('OpenAI chat completions', 'openai', 'inclusive', 'prompt_tokens', 'completion_tokens',
    'prompt_tokens_details.cached_tokens', null, 'completion_tokens_details.reasoning_tokens',
    '{total_tokens}', '{"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 128, "audio_tokens": 0,
      "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}'),
  ('OpenAI responses', 'openai', 'inclusive', 'input_tokens', 'output_tokens',
    'input_tokens_details.cached_tokens', null, 'output_tokens_details.reasoning_tokens',
    '{total_tokens}', '{"input_tokens": 328, "input_tokens_details": {"cached_tokens": 256},
    "output_tokens": 1084, "output_tokens_details": {"reasoning_tokens": 832},
    "total_tokens": 1412}'),
  ('Anthropic messages', 'anthropic', 'exclusive', 'input_tokens', 'output_tokens',
    'cache_read_input_tokens', 'cache_creation_input_tokens', null,
    '{input_tokens,cache_read_input_tokens,cache_creation_input_tokens,output_tokens}',
    '{"input_tokens": 21, "cache_creation_input_tokens": 18808, "cache_read_input_tokens": 1200,
    "cache_creation": {"ephemeral_5m_input_tokens": 18808, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 393, "service_tier": "standard"}'),
  ('Gemini generateContent', 'google', null, 'promptTokenCount', 'candidatesTokenCount',
    'cachedContentTokenCount', null, 'thoughtsTokenCount', '{totalTokenCount}',
    '{"promptTokenCount": 5000, "cachedContentTokenCount": 4000, "candidatesTokenCount": 200,
    "thoughtsTokenCount": 450, "totalTokenCount": 5650}'),
  -- The same call of a model of Anthropic's, as instrumentation and as a gateway tell it.
  ('OpenTelemetry', 'other_inclusive', 'inclusive', 'input_tokens', 'output_tokens',
    'cache_read.input_tokens', 'cache_creation.input_tokens', 'reasoning.output_tokens',
    '{input_tokens,output_tokens}', '{"input_tokens": 20029, "output_tokens": 393,
    "cache_read": {"input_tokens": 1200}, "cache_creation": {"input_tokens": 18808},
    "reasoning": {"output_tokens": 90}}'),
  ('LiteLLM', 'other_inclusive', 'inclusive', 'prompt_tokens', 'completion_tokens',
    'prompt_tokens_details.cached_tokens', 'cache_creation_input_tokens',
    'completion_tokens_details.reasoning_tokens', '{total_tokens}',
    '{"prompt_tokens": 20029, "completion_tokens": 393, "total_tokens": 20422,
    "prompt_tokens_details": {"cached_tokens": 1200, "cache_creation_tokens": 18808},
    "completion_tokens_details": {"reasoning_tokens": 90}, "cache_read_input_tokens": 1200,
    "cache_creation_input_tokens": 18808}');

-- Each in batch and not, by a client of its own: `mapped` to its provider, `said` by the row, or
-- `unmapped`, which is mapped later. Logs by OpenTelemetry and LiteLLM of a model that is
-- mapped to Anthropic say how they count as well: the row wins.
create temporary table calls as
select o.*, gen_random_uuid() as client_id, w.way, b.batch,
  concat_ws(' ', o.name, w.way, b.batch) as label,
  (select sum((o.usage #>> string_to_array(part, '.'))::bigint) from unnest(o.whole) part) as tokens
from objects o
cross join unnest('{mapped,said,unmapped}'::text[]) w(way)
cross join unnest('{false,true}'::boolean[]) b(batch)
where w.way <> 'said' or o.counting is not null;
insert into public.models (id, family, provider)
select label, label, case when provider = 'other_inclusive' then 'anthropic' else provider end
from calls where way = 'mapped';
insert into public.clients (id, name, started_on)
select client_id, label, '2026-06-01' from calls;
-- Whatever is counted has a price: a tenth of a cent a token, batch or not.
insert into public.prices (metric, unit_amount)
select metric, 0.001 from unnest('{input_tokens,output_tokens,cache_read_tokens,
  cache_write_tokens,reasoning_tokens}'::text[]) metric;
insert into public.agent_usage_logs (agent, model, client_id, "timestamp", input_tokens,
  output_tokens, metadata)
select 'ANY', label, client_id, '2026-06-10', (usage #>> string_to_array(input, '.'))::bigint,
  (usage #>> string_to_array(output, '.'))::bigint,
  jsonb_strip_nulls(jsonb_build_object('cache_read_tokens', usage #> string_to_array(read, '.'),
    'cache_write_tokens', usage #> string_to_array(written, '.'),
    'reasoning_tokens', usage #> string_to_array(reasoning, '.'),
    'batch', batch, 'counting', case when way = 'said'
      or way = 'mapped' and provider = 'other_inclusive' then counting end))
from calls;
create function pg_temp.billed() returns table (label text, quantity numeric, amount numeric)
language sql as $$
  select c.label, sum(l.quantity), sum(l.amount_minor)
  from calls c
  join public.invoices i using (client_id) join public.invoice_lines l on l.invoice_id = i.id
  where l.kind = 'usage' group by c.label;
$$;

select is(count(*), 34::bigint, 'six objects, two or three ways, batch and not') from calls;
select billing.run_monthly('2026-07-02');
select set_eq('select label, quantity from pg_temp.billed()',
  $$select label, tokens from calls where way <> 'unmapped'$$,
  'mapped, or said by the row: what is billed is what the object adds up to');
select set_eq($$select c.label from public.billing_periods p join calls c using (client_id)
    where p.state = 'blocked' and p.reason = 'unknown_provider'
      and strpos(p.message, 'model ' || c.label) > 0 and strpos(p.message, 'map_model') > 0$$,
  $$select label from calls where way = 'unmapped'$$,
  'unmapped: nothing is billed, and the period says what to do');
select ok(count(*) = 12 and bool_and(q.reason = 'unknown_provider'),
    'it stands in quarantine with that reason')
from (select distinct client_id, reason from billing.quarantine) q;

insert into public.models (id, family, provider)
select label, label, provider from calls where way = 'unmapped';
select billing.run_monthly('2026-07-03');
select set_eq('select label, quantity from pg_temp.billed()',
  'select label, tokens from calls', 'mapped afterwards: the same');
-- By hand: 2306 tokens of a tenth of a cent are 230.6 cents, in lines 8.6 + 17.2 + 192 + 12.8.
select is(array(select distinct amount from pg_temp.billed()
    where starts_with(label, 'OpenAI chat')), '{231}'::numeric[],
  'and the same amount: 9 + 17 + 192 + 13');

select * from finish();
rollback;
