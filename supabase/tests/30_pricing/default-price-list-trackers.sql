-- What the agents' trackers name beside the models of the default list has a default price, or says
-- that it has none. Amounts by hand, in cents.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000099', 'Media Ltd', '2026-06-01');
create function pg_temp.log(model text, tokens bigint, features jsonb, cost numeric) returns void
language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, other_features, total_cost,
    client_id, "timestamp", created_at)
  values ('ERATO', model, tokens, features, cost, '00000000-0000-4000-8000-000000000099',
    '2026-06-02 12:00+00', '2026-06-02 12:00+00');
$$;
-- Media is logged in dollars, as a feature, and its total cost is 0.
select pg_temp.log('media_generation', 0, '{"media_cost": 0.08}', 0);
select pg_temp.log('media_generation', 0, '{"media_cost": 4.2}', 0);
-- 50 million tokens at 0.02, 10 at 0.13, 30 at 0.10.
select pg_temp.log('text-embedding-3-small', 50000000, '{}', 1);
select pg_temp.log('text-embedding-3-large', 10000000, '{}', 1.3);
select pg_temp.log('text-embedding-ada-002', 30000000, '{}', 3);
select _billing.rollup();

select is_empty('select * from billing.quarantine', 'all of it has a price');
select results_eq($$select l.metric, l.model, l.amount_minor
  from _billing.rate_periods(array[('00000000-0000-4000-8000-000000000099', '2026-06-01',
    '2026-07-01')::billing.rating_target]) l where l.kind = 'usage' order by 1, 2$$,
  $$values ('input_tokens', 'text-embedding-3-large', 130::numeric),
    ('input_tokens', 'text-embedding-3-small', 100),
    ('input_tokens', 'text-embedding-ada-002', 300),
    ('media_cost', 'media_generation', 428)$$,
  'media at cost, embeddings by their tokens');

-- Minutes or files: nobody can know what a count of transcriptions is, so it is not guessed.
select pg_temp.log('whisper-1', 0, '{"audio_transcription": 3}', 0.018);
select _billing.rollup();
select results_eq('select reason, model, metric from billing.quarantine',
  $$values ('unpriced_usage', 'whisper-1', 'audio_transcription')$$,
  'transcriptions wait for a price, and are seen');
insert into public.prices (metric, unit_amount) values ('audio_transcription', 0.006);
select is_empty('select * from billing.quarantine', 'of any client');

select * from finish();
rollback;
