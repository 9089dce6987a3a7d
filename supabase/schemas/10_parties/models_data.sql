-- Sources: the providers' documentation of their usage objects.
insert into public.providers (id, cache_read_within_input, reasoning_within_output,
  cache_write_within_input)
values
  -- input_tokens excludes cache_read_input_tokens; thinking is output
  ('anthropic', false, true, false),
  -- cached_tokens inside prompt, reasoning_tokens inside completion
  ('openai', true, true, false),
  -- cachedContent inside promptTokenCount, thoughts beside candidates
  ('google', true, false, false),
  -- each count stands beside the others
  ('other', false, false, false),
  -- OpenTelemetry's convention: all that the cache did inside input, reasoning inside output
  ('other_inclusive', true, true, true)
on conflict do nothing;

insert into public.models (id, family, provider) values
  ('claude-sonnet', 'claude-sonnet', 'anthropic'),
  ('claude-sonnet-4-20250514', 'claude-sonnet', 'anthropic'),
  ('claude-opus', 'claude-opus', 'anthropic'),
  ('claude-opus-4-20250514', 'claude-opus', 'anthropic'),
  ('claude-haiku', 'claude-haiku', 'anthropic'),
  ('claude-haiku-4-20250514', 'claude-haiku', 'anthropic'),
  ('gpt-4o', 'gpt-4o', 'openai'),
  ('gpt-4o-mini', 'gpt-4o-mini', 'openai'),
  ('gemini-1.5-pro', 'gemini-1.5-pro', 'google'),
  ('gemini-1.5-flash', 'gemini-1.5-flash', 'google'),
  ('text-embedding-3-small', 'text-embedding-3-small', 'openai'),
  ('text-embedding-3-large', 'text-embedding-3-large', 'openai'),
  ('text-embedding-ada-002', 'text-embedding-ada-002', 'openai')
on conflict do nothing;
