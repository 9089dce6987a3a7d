-- The rates that providers have, and how the usage objects of calls tell them.
insert into billing.rate_classes (id, code, what) values
  ('standard', 0, 'the rate of a call that says nothing else'),
  ('batch', 1, 'answered within a day'),
  ('flex', 2, 'answered when there is room'),
  ('priority', 3, 'answered before others'),
  ('fast', 4, 'generated faster'),
  ('regional', 5, 'processed in one region only'),
  ('long_context', 6, 'input beyond models.long_context_above'),
  ('batch+long_context', 7, 'both'),
  ('flex+long_context', 8, 'both'),
  ('priority+long_context', 9, 'both'),
  ('fast+long_context', 10, 'both'),
  ('regional+long_context', 11, 'both'),
  ('batch+regional', 12, 'both'),
  ('priority+regional', 13, 'both'),
  ('fast+regional', 14, 'both'),
  ('batch+regional+long_context', 15, 'all three'),
  ('priority+regional+long_context', 16, 'all three'),
  ('fast+regional+long_context', 17, 'all three')
on conflict do nothing;

insert into billing.rate_class_conditions (place, rate_class, metadata, is_long) values
  -- batch: ours; service_tier: of OpenAI (flex, priority) and Anthropic (priority, batch); speed
  -- and inference_geo: of Anthropic. What combines more comes first.
  (1, 'batch+regional+long_context', '{"batch": true, "inference_geo": "us"}', true),
  (2, 'batch+regional+long_context', '{"service_tier": "batch", "inference_geo": "us"}', true),
  (3, 'priority+regional+long_context', '{"service_tier": "priority", "inference_geo": "us"}',
    true),
  (4, 'fast+regional+long_context', '{"speed": "fast", "inference_geo": "us"}', true),
  (10, 'batch+long_context', '{"batch": true}', true),
  (11, 'batch+long_context', '{"service_tier": "batch"}', true),
  (12, 'flex+long_context', '{"service_tier": "flex"}', true),
  (13, 'priority+long_context', '{"service_tier": "priority"}', true),
  (14, 'fast+long_context', '{"speed": "fast"}', true),
  (15, 'regional+long_context', '{"inference_geo": "us"}', true),
  (20, 'long_context', '{}', true),
  (30, 'batch+regional', '{"batch": true, "inference_geo": "us"}', false),
  (31, 'batch+regional', '{"service_tier": "batch", "inference_geo": "us"}', false),
  (32, 'priority+regional', '{"service_tier": "priority", "inference_geo": "us"}', false),
  (33, 'fast+regional', '{"speed": "fast", "inference_geo": "us"}', false),
  (40, 'batch', '{"batch": true}', false),
  (41, 'batch', '{"service_tier": "batch"}', false),
  (42, 'flex', '{"service_tier": "flex"}', false),
  (43, 'priority', '{"service_tier": "priority"}', false),
  (44, 'fast', '{"speed": "fast"}', false),
  (45, 'regional', '{"inference_geo": "us"}', false)
on conflict do nothing;
