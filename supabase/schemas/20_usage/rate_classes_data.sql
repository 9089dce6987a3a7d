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

-- Further thresholds, which few models have: a class for each of those above.
insert into billing.rate_classes (id, code, what)
select format('%s_%s', c.id, n), 20 * (n - 1) + c.code, case c.id when 'long_context'
  then format('input beyond models.long_context_%s_above', n) else c.what end
from billing.rate_classes c, generate_series(2, 3) n where c.id like '%long\_context'
on conflict do nothing;

insert into billing.rate_class_conditions (place, rate_class, metadata, thresholds) values
  -- batch: ours; service_tier: of OpenAI (flex, priority) and Anthropic (priority, batch); speed
  -- and inference_geo: of Anthropic. Classes that combine more come first.
  (1, 'batch+regional+long_context', '{"batch": true, "inference_geo": "us"}', 1),
  (2, 'batch+regional+long_context', '{"service_tier": "batch", "inference_geo": "us"}', 1),
  (3, 'priority+regional+long_context', '{"service_tier": "priority", "inference_geo": "us"}',
    1),
  (4, 'fast+regional+long_context', '{"speed": "fast", "inference_geo": "us"}', 1),
  (10, 'batch+long_context', '{"batch": true}', 1),
  (11, 'batch+long_context', '{"service_tier": "batch"}', 1),
  (12, 'flex+long_context', '{"service_tier": "flex"}', 1),
  (13, 'priority+long_context', '{"service_tier": "priority"}', 1),
  (14, 'fast+long_context', '{"speed": "fast"}', 1),
  (15, 'regional+long_context', '{"inference_geo": "us"}', 1),
  (20, 'long_context', '{}', 1),
  (30, 'batch+regional', '{"batch": true, "inference_geo": "us"}', 0),
  (31, 'batch+regional', '{"service_tier": "batch", "inference_geo": "us"}', 0),
  (32, 'priority+regional', '{"service_tier": "priority", "inference_geo": "us"}', 0),
  (33, 'fast+regional', '{"speed": "fast", "inference_geo": "us"}', 0),
  (40, 'batch', '{"batch": true}', 0),
  (41, 'batch', '{"service_tier": "batch"}', 0),
  (42, 'flex', '{"service_tier": "flex"}', 0),
  (43, 'priority', '{"service_tier": "priority"}', 0),
  (44, 'fast', '{"speed": "fast"}', 0),
  (45, 'regional', '{"inference_geo": "us"}', 0)
on conflict do nothing;

-- Beyond more thresholds before fewer.
insert into billing.rate_class_conditions (place, rate_class, metadata, thresholds)
select c.place - 100 * (n - 1), format('%s_%s', c.rate_class, n), c.metadata, n
from billing.rate_class_conditions c, generate_series(2, 3) n
where c.thresholds = 1 and c.rate_class like '%long\_context'
on conflict do nothing;
