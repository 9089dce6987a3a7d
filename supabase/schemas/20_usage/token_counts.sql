-- What the counts and features of a log row mean.

-- A count inside metadata: absent is 0, anything but a number is null, and so is one of more than
-- 30 characters (jsonb holds numbers whose sum overflows). A minus sign is not one of them: what
-- can be recorded can be taken back.
create function billing.metadata_count(metadata jsonb, key text)
returns numeric language sql immutable parallel safe
return case jsonb_typeof(metadata -> key)
  when 'number' then
    case when length(ltrim(metadata ->> key, '-')) <= 30 then (metadata ->> key)::numeric end
  when 'null' then 0
  else case when metadata -> key is null then 0 end
end;
comment on function billing.metadata_count is
  'A count inside metadata: 0 where absent, null where it cannot be read.';

-- What the view calls, it calls as its reader.
grant execute on function billing.metadata_count(jsonb, text) to service_role;

-- The part of `whole` that `part` can be: a subset cannot exceed what contains it. An odd function,
-- part_of(-p, -w) = -part_of(p, w): a row that takes another back is its mirror, also where the
-- whole is 0 and nothing can be a part of it.
create function billing.part_of(part numeric, whole numeric)
returns numeric language sql immutable parallel safe
return case when part is null then null
  when whole > 0 then least(part, whole) when whole < 0 then greatest(part, whole) else 0 end;
comment on function billing.part_of is 'How much of a part its whole can contain.';

-- What the view calls, it calls as its reader.
grant execute on function billing.part_of(numeric, numeric) to service_role;

-- The names of our own counts: a feature called like one would be added to it.
create function billing.is_built_in(metric text)
returns boolean language sql immutable parallel safe
return starts_with(metric, 'batch_') or starts_with(metric, 'unmapped_')
  or metric in ('input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens',
    'reasoning_tokens', 'web_searches', 'requests');
comment on function billing.is_built_in is
  'Whether a metric is one of those that columns and metadata of a log are counted as.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_built_in(text) to service_role;

-- Where it is not known how a row counts (attributed_logs.is_unmapped), its cache and reasoning
-- tokens may be part of its input and output, or stand beside them. All its tokens are recorded
-- under these names, which cannot have a price: whatever is sold later, none is billed twice.
create function billing.is_unmapped(metric text)
returns boolean language sql immutable parallel safe
return starts_with(metric, 'unmapped_');
comment on function billing.is_unmapped is
  'Whether a metric counts tokens of which it is not known what they are part of.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_unmapped(text) to service_role;

-- How a row says that it counts; before the provider of its model, because it is known best by what
-- wrote the row: a gateway tells calls of all models alike.
create function billing.counting_of(metadata jsonb)
returns text language sql immutable parallel safe
return case when metadata ? 'counting' then case
  when metadata -> 'counting' in ('"inclusive"', '"exclusive"') then metadata ->> 'counting'
  when metadata -> 'counting' <> 'null' then 'invalid' end end;
comment on function billing.counting_of is
  'metadata.counting: inclusive (input contains what was read from and written to a cache, output
   contains reasoning), exclusive (each count stands beside the others), null where the row does not
   say, invalid for anything else.';

-- What the view calls, it calls as its reader.
grant execute on function billing.counting_of(jsonb) to service_role;

-- Whether a part is counted within its whole. Parts that are absent are not looked up.
create function billing.is_within(part numeric, counting text, by_provider boolean)
returns boolean language sql immutable parallel safe
return case when part is null then false else
  case counting when 'inclusive' then true when 'exclusive' then false else by_provider end end;
comment on function billing.is_within is
  'Whether a count is part of another, by what the row says, else by its provider.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_within(numeric, text, boolean) to service_role;

-- A count inside metadata where there is one: null where absent, NaN where it cannot be read.
create function _billing.token_count(metadata jsonb, key text)
returns numeric language sql immutable parallel safe
return case when metadata ? key then coalesce(billing.metadata_count(metadata, key), 'NaN') end;
comment on function _billing.token_count is
  'A count inside metadata: null where absent, NaN where it cannot be read.';

-- Tokens of other kinds (audio, images, written to a cache for an hour) are features by their name:
-- counts beside the others. Like all tokens they have the rate class of their call.
create function billing.is_tokens(feature text)
returns boolean language sql immutable parallel safe
return feature like '%\_tokens';
comment on function billing.is_tokens is 'Whether a feature counts tokens.';

-- What the view calls, it calls as its reader.
grant execute on function billing.is_tokens(text) to service_role;

-- What of the features is input of the model, beside input and cache tokens. Anything but numbers
-- counts nothing: such a row is not billed.
create function billing.input_in_features(features jsonb)
returns numeric language sql immutable parallel safe
return case when jsonb_typeof(features) <> 'object' then 0 else
  coalesce(billing.metadata_count(features, 'cache_write_1h_tokens'), 0)
    + coalesce(billing.metadata_count(features, 'input_audio_tokens'), 0)
    + coalesce(billing.metadata_count(features, 'input_image_tokens'), 0) end;
comment on function billing.input_in_features is
  'Input tokens among other_features: cache_write_1h_tokens, input_audio_tokens,
   input_image_tokens.';

-- What the view calls, it calls as its reader.
grant execute on function billing.input_in_features(jsonb) to service_role;

-- Why a group of logs with these other_features cannot be billed; null where it can. Each feature
-- is a key of usage, so a row may bring so many; control characters belong to no name.
create function billing.feature_reason(features jsonb)
returns text language sql immutable parallel safe
return case when jsonb_typeof(features) <> 'object' or exists (
    select from jsonb_each(case jsonb_typeof(features) when 'object' then features else '{}' end) e
    where jsonb_typeof(e.value) <> 'number' or length(ltrim(e.value::text, '-')) > 30
      or length(e.key) > 200 or billing.is_built_in(e.key)
      or e.key ~ '[\x01-\x1f\x7f-\x9f]') then 'invalid_feature'
  when (select count(*) from jsonb_object_keys(
    case jsonb_typeof(features) when 'object' then features else '{}' end)) > 50
    then 'too_many_features' end;
comment on function billing.feature_reason is
  'invalid_feature where other_features holds what cannot be counted, too_many_features where it
   holds more than 50, else null.';

-- What the view calls, it calls as its reader.
grant execute on function billing.feature_reason(jsonb) to service_role;

-- The largest count among features, whatever its sign; null where there is none. A value
-- that is no number has a reason of its own.
create function billing.most_units(features jsonb)
returns numeric language sql immutable parallel safe
return (select max(abs(case when length(ltrim(e.value::text, '-')) <= 30
    then e.value::text::numeric end))
  from jsonb_each(case jsonb_typeof(features) when 'object' then features else '{}' end) e
  where jsonb_typeof(e.value) = 'number');
comment on function billing.most_units is 'The largest count in other_features.';

-- What the view calls, it calls as its reader.
grant execute on function billing.most_units(jsonb) to service_role;
