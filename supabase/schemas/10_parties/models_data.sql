-- Sources: the providers' documentation of their usage objects.
insert into public.providers (id, cache_read_within_input, reasoning_within_output) values
  ('anthropic', false, true),  -- input_tokens excludes cache_read_input_tokens; thinking is output
  ('openai', true, true),      -- cached_tokens inside prompt, reasoning_tokens inside completion
  ('google', true, false),     -- cachedContent inside promptTokenCount, thoughts beside candidates
  ('other', false, false)  -- each count says what it says
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
  ('gemini-1.5-flash', 'gemini-1.5-flash', 'google')
on conflict do nothing;
