-- What a log row says, read one piece at a time: counts in its metadata, parts of wholes, names.
begin;
select plan(7);

create temporary table cases (metadata jsonb, count numeric, rule text);
insert into cases values
  ('{}', 0, 'an absent count is zero'), ('{"k": null}', 0, 'so is null'),
  ('{"k": 12}', 12, 'a number is itself'), ('{"k": -3}', -3, 'also below zero'),
  ('{"k": 2.5}', 2.5, 'also in parts'), ('{"k": "12"}', null, 'text cannot be read'),
  ('{"k": [1]}', null, 'nor a list'), ('{"k": true}', null, 'nor a truth'),
  ('{"k": 123456789012345678901234567890}', 123456789012345678901234567890, '30 digits can'),
  ('{"k": -123456789012345678901234567890}', -123456789012345678901234567890, 'and a sign'),
  ('{"k": 1234567890123456789012345678901}', null, '31 would overflow what they are summed into');
select is_empty($$select rule, billing.metadata_count(metadata, 'k') from cases
  where billing.metadata_count(metadata, 'k') is distinct from count$$,
  'a count is read or it cannot be');

select results_eq($$
  select billing.part_of(p, w) from (values (400, 1000), (1200, 1000), (0, 0), (-400, -1000),
    (-1200, -1000), (null, 5), (7, 0), (-7, 0)) v(p, w)$$,
  $$values (400::numeric), (1000), (0), (-400), (-1000), (null), (0), (0)$$,
  'a part is no more than its whole, in a correction as in a call');
select is_empty($$
  select p, w from generate_series(-3, 3) p cross join generate_series(-3, 3) w
  where billing.part_of(-p, -w) <> -billing.part_of(p, w)$$,
  'the part of a mirrored row is the mirror of the part');
select results_eq($$select billing.is_negation(c::uuid, m) from (values
    ('00000000-0000-0000-0000-000000000001', '{"negates": "x"}'::jsonb),
    ('00000000-0000-0000-0000-000000000001', '{"restates": "x"}'), (null, '{"negates": "x"}')
  ) v(c, m)$$, $$values (true), (false), (false)$$,
  'a correction alone takes a row back, whatever agents call their metadata');

select results_eq($$
  select m, billing.is_built_in(m) from unnest('{input_tokens,requests,web_searches,batch_x,
    batch_input_tokens,images,input,Requests}'::text[]) m$$,
  $$values ('input_tokens', true), ('requests', true), ('web_searches', true), ('batch_x', true),
    ('batch_input_tokens', true), ('images', false), ('input', false), ('Requests', false)$$,
  'names of our own counts are taken');

-- A watermark: a snapshot, and of the transaction that took it the rows up to its last.
select results_eq($$
  select _billing.is_counted(stored_by::text::xid8, seq, '100:105:102', '104', 7)
  from (values (99, 1), (101, 9), (102, 1), (104, 7), (104, 8), (105, 1),
    (200, 1)) v(stored_by, seq)
  $$,
  $$values (true), (true), (false), (true), (false), (false), (false)$$,
  'ended before: counted; in flight, later, or its own after the last: not');
select ok(not exists (select from generate_series(1, 300) x
  where _billing.is_counted(x::text::xid8, 1, '1:1:', '0', 0)),
  'the watermark of nothing has counted nothing');

select * from finish();
rollback;
