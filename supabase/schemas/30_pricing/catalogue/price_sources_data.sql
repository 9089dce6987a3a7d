-- The sources, all off: nothing is fetched before an operator says so.

insert into public.price_sources (id, url) values
  ('litellm',
    'https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json'),
  ('openrouter', 'https://openrouter.ai/api/v1/models'),
  ('models.dev', 'https://models.dev/api.json')
on conflict do nothing;
