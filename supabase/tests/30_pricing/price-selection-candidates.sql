-- Every price that could hold for usage, the best first: the client's before the default, the own
-- price of batch before its multiplier, exact model before family before any.
begin;
select plan(5);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01');
insert into public.models (id, family) values ('m-1', 'm'), ('n-1', 'n');
insert into public.prices (client_id, model, family, metric, rate_class, unit_amount,
  class_multipliers)
values (null, 'm-1', null, 'tokens', 'standard', 1, '{"batch": 0.5}'),
  (null, null, 'm', 'tokens', 'standard', 2, '{"flex": 0.5}'),
  (null, null, null, 'tokens', 'standard', 3, '{}'), (null, null, 'm', 'tokens', 'batch', 4, '{}'),
  ('00000000-0000-0000-0000-00000000000a', null, null, 'tokens', 'standard', 5,
    '{"batch": "0.25"}'),
  ('00000000-0000-0000-0000-00000000000b', 'm-1', null, 'tokens', 'standard', 6, '{}');
insert into public.prices (metric, currency, unit_amount) values ('tokens', 'EUR', 7);
create function pg_temp.found(client text, model text, metric text, rate_class text,
  currency text default 'USD')
returns table (unit_amount numeric, multiplier numeric, why text) language sql as $$
  select p.unit_amount, x.multiplier, x.why from public.clients c
  cross join lateral billing.price_candidates(array[c.id], array[$2], array[$3], array[$4],
    array[$5]) x
  join public.prices p on p.id = x.price_id
  where c.name = $1 order by x.preference;
$$;

select results_eq($$select * from pg_temp.found('Acme', 'm-1', 'tokens', 'standard')$$, $$values
    (5::numeric, 1::numeric, 'client''s own, any model'),
    (1, 1, 'default list, exact model'), (2, 1, 'default list, model family'),
    (3, 1, 'default list, any model')$$,
  'the client''s own price goes before a more exact default');
select results_eq($$select * from pg_temp.found('Acme', 'm-1', 'tokens', 'batch')$$, $$values
    (5::numeric, 0.25::numeric, 'client''s own, any model, times batch multiplier'),
    (4, 1, 'default list, model family'),
    (1, 0.5, 'default list, exact model, times batch multiplier'),
    (2, 1, 'default list, model family, times batch multiplier'),
    (3, 1, 'default list, any model, times batch multiplier')$$,
  'batch usage has its own price or the multiplier of another');
select results_eq($$select unit_amount from pg_temp.found('Acme', 'n-1', 'tokens', 'standard')$$,
  $$values (5::numeric), (3)$$, 'prices of other models are none, nor another client''s');
select results_eq($$select unit_amount
    from pg_temp.found('Birch', 'm-1', 'tokens', 'standard', 'EUR')$$,
  $$values (7::numeric)$$, 'nor those in another currency');

-- Which of them holds when: stretches follow each other without gap or overlap.
insert into public.prices (model, metric, unit_amount, effective_from, effective_until) values
  ('m-9', 'tokens', 8, '2026-06-10', '2026-06-20'),
  ('m-9', 'tokens', 9, '2026-06-20', '2026-06-25');
select results_eq($$select c.name, p.unit_amount, s.segment_start, s.segment_end
    from (select id from public.clients where name = 'Acme') a
    cross join lateral billing.price_segments(array[null, a.id], '{m-9,m-9}', '{tokens,tokens}',
      '{standard,standard}', '{USD,USD}') s
    join public.prices p on p.id = s.price_id
    left join public.clients c on c.id = s.client_id order by c.name, s.segment_start$$, $$values
    ('Acme', 5::numeric, '-infinity'::date, 'infinity'::date),
    (null, 3, '-infinity', '2026-06-10'), (null, 8, '2026-06-10', '2026-06-20'),
    (null, 9, '2026-06-20', '2026-06-25'), (null, 3, '2026-06-25', 'infinity')$$,
  'the nearest price holds while it is in force; null goes by the default list');

select * from finish();
rollback;
