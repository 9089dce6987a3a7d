-- The default price list: what clients pay who have no prices of their own. USD, per 1M tokens.
-- Cache and reasoning tokens are priced too, so that no agent that reports them blocks an invoice:
-- cache at the providers' published ratios to input, reasoning as the output it is.
insert into public.prices (family, metric, unit_amount, per_units)
select l.family, x.metric, x.amount, 1000000
from (values
  --  family             input  output  cache read  cache write
  ('claude-sonnet',       3.00,  15.00,     0.30,      3.75),
  ('claude-opus',        15.00,  75.00,     1.50,     18.75),
  ('claude-haiku',        0.25,   1.25,     0.03,      0.30),
  ('gpt-4o',              2.50,  10.00,     1.25,      2.50),
  ('gpt-4o-mini',         0.15,   0.60,     0.075,     0.15),
  ('gemini-1.5-pro',      1.25,   5.00,     0.3125,    1.25),
  ('gemini-1.5-flash',    0.075,  0.30,     0.01875,   0.075)
) l(family, input, output, cache_read, cache_write)
cross join lateral (values
  ('input_tokens', l.input), ('output_tokens', l.output), ('reasoning_tokens', l.output),
  ('cache_read_tokens', l.cache_read), ('cache_write_tokens', l.cache_write)
) x(metric, amount)
on conflict do nothing;
-- Anthropic alone sells a cache for an hour, at twice the input.
insert into public.prices (family, metric, unit_amount, per_units) values
  ('claude-sonnet', 'cache_write_1h_tokens', 6.00, 1000000),
  ('claude-opus', 'cache_write_1h_tokens', 30.00, 1000000),
  ('claude-haiku', 'cache_write_1h_tokens', 0.50, 1000000)
on conflict do nothing;
-- Embeddings have input alone.
insert into public.prices (family, metric, unit_amount, per_units) values
  ('text-embedding-3-small', 'input_tokens', 0.02, 1000000),
  ('text-embedding-3-large', 'input_tokens', 0.13, 1000000),
  ('text-embedding-ada-002', 'input_tokens', 0.10, 1000000)
on conflict do nothing;
-- Media is logged in dollars, so this is at cost. Transcriptions have no price: whether a count of
-- them is of minutes or of files is for the operator to say.
insert into public.prices (metric, unit_amount) values
  ('web_searches', 0.01), ('pdf_processing', 0.02), ('image_processing', 0.01), ('media_cost', 1.00)
on conflict do nothing;
