-- Which of some prices holds on which days: as rating chooses, whatever the table has.
begin;
select plan(10);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-4000-8000-00000000000b', 'Other', '2026-06-01');
insert into public.models (id, family) values ('m-1', 'm'), ('n-1', 'n');
delete from public.prices;
insert into public.prices (client_id, model, family, metric, rate_class, unit_amount)
select c, m, f, metric, rate_class, 1
from (values (null::uuid), ('00000000-0000-4000-8000-00000000000a'),
  ('00000000-0000-4000-8000-00000000000b')) x(c)
cross join (values ('m-1', null), ('n-1', null), (null, 'm'), (null, null)) y(m, f)
cross join (values ('units', 'standard'), ('units', 'batch'), ('units', 'batch+long_context'),
  ('units', 'flex'), ('pages', 'standard')) z(metric, rate_class);

-- The same ranks as where rating looks.
create function pg_temp.ranks(model text, family text, metric text, rate_class text)
returns table (id uuid, rank integer) language sql as $$
  select p.id, _billing.price_rank(p, '00000000-0000-4000-8000-00000000000a', $1, $2, $3, $4)
  from public.prices p;
$$;
select results_eq(format('select id, rank from pg_temp.ranks(%L, %L, %L, %L) where rank is not null
    order by 1', k.model, k.family, k.metric, k.rate_class), format('select price_id, preference
    from billing.price_candidates(array[%L::uuid], array[%L], array[%L], array[%L], array[''USD''])
    order by 1',
    '00000000-0000-4000-8000-00000000000a', k.model, k.metric, k.rate_class),
    k.model || ' ' || _billing.named_usage(k.metric, k.rate_class))
from (values ('m-1', 'm', 'units', 'standard'), ('m-1', 'm', 'units', 'batch'),
  ('m-1', 'm', 'units', 'batch+long_context'), ('o-1', null, 'pages', 'standard')
) k(model, family, metric, rate_class);

-- Of a client, and of those that have none of their own.
select is((select count(*) from unnest(_billing.prices_of(c, m, 'USD'))), n, m)
from (values ('00000000-0000-4000-8000-00000000000a'::uuid, 'units', 32::bigint),
  (null, 'units', 16), ('00000000-0000-4000-8000-00000000000a', 'pages', 8)) v(c, m, n);
select is(_billing.prices_of(null, 'units', 'EUR'), '{}', 'none in another currency');

create temporary table chosen as select p from (values
  (null, null, 1, '-infinity', 'infinity'), ('m-1', null, 2, '2026-06-10', '2026-06-20'),
  (null, 'm', 3, '2026-06-15', '2026-07-01')) v(m, f, n, d, u)
cross join lateral (select (format('00000000-0000-4000-9000-00000000000%s', n)::uuid, null, m, f,
  'units', 'standard', 'USD', 'per_unit', 1, 1, null, 0, '{}', d, u, now(), case when m is not null
    then 'model:' || m when f is not null then 'family:' || f else 'any' end,
    null, 'list')::public.prices) x(p);
select results_eq($$select right(d.price_id::text, 1), d.days
    from _billing.price_days((select array_agg(p) from chosen), null, 'm-1', 'm', 'units',
      'standard') d
    order by 1$$,
  $$values ('1', '{[-infinity,2026-06-10),[2026-07-01,infinity)}'::datemultirange),
    ('2', '{[2026-06-10,2026-06-20)}'), ('3', '{[2026-06-20,2026-07-01)}')$$,
  'exact model before family before any, each on its days');
select results_eq($$select right(d.price_id::text, 1), d.days
    from _billing.price_days((select array_agg(p) from chosen), null, 'm-1', null, 'units',
      'standard') d
    order by 1$$,
  $$values ('1', '{[-infinity,2026-06-10),[2026-06-20,infinity)}'::datemultirange),
    ('2', '{[2026-06-10,2026-06-20)}')$$, 'without a family its price does not hold');

select * from finish();
rollback;
