-- The steps by which the guards of terms find what a change would alter.
begin;
select plan(22);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-4000-8000-00000000000b', 'Free', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
insert into public.prices (id, client_id, metric, unit_amount, effective_from)
values ('00000000-0000-4000-9000-000000000001', '00000000-0000-4000-8000-00000000000a', 'pages', 1,
    '2026-06-10'),
  ('00000000-0000-4000-9000-000000000002', '00000000-0000-4000-8000-00000000000b', 'pages', 0,
    '-infinity');
insert into public.agent_usage_logs (agent, model, other_features, client_id, "timestamp")
select 'S', 'x', '{"pages": 10}', c.id, '2026-06-20' from public.clients c;
select billing.run_monthly('2026-07-01');

-- What settled periods were charged for.
create function pg_temp.used(client text, model text, metrics text[], currencies text[], days text)
returns text language sql as $$
  select string_agg(concat_ws(' ', c.name, u.metric, u.currency, u.charged, u.is_open), '; '
    order by c.name, u.metric)
  from _billing.settled_usage((select id from public.clients where name = client), model, metrics,
    currencies, days::datemultirange) u join public.clients c on c.id = u.client_id;
$$;
select is(pg_temp.used(null, null, '{pages}', null, '{(,)}'),
  'Acme pages USD {[2026-06-10,2026-07-01)} t; Free pages USD {} f',
  'an invoice says what it charged for, of a skipped period usage does');
select is(pg_temp.used('Acme', 'x', '{pages,requests}', '{USD}', '{[2026-06-30,2026-07-01)}'),
  'Acme pages USD {[2026-06-10,2026-07-01)} t; Acme pages USD {} f; Acme requests USD {} f',
  'metrics that go without a price too');
select is(pg_temp.used('Free', null, null, null, '{(,)}'), 'Free pages USD {} f; Free requests USD '
  '{} f', 'null asks for all metrics');
select is(pg_temp.used(null, m, array[metric], array[cur], days), null, concat_ws(' ', m, metric,
  cur, days))
from (values ('y', 'pages', 'USD', '{(,)}'), ('x', 'hours', 'USD', '{(,)}'),
  ('x', 'pages', 'EUR', '{(,)}'), ('x', 'pages', 'USD', '{[2026-07-01,2026-08-01)}')
) v(m, metric, cur, days);
update public.billing_periods set usage_version = usage_version + 1;
select is(pg_temp.used('Free', null, '{pages}', null, '{(,)}'), 'Free pages USD {} t',
  'usage that has come since may wait for a price');

-- Which days a change prices otherwise.
create function pg_temp.days(old_price public.prices, new_price public.prices, old_family text,
  new_family text) returns text language sql as $$
  select concat_ws(' ', d.changed, d.unpriced) from _billing.repriced_days(
    ('00000000-0000-4000-8000-00000000000a', 'x', 'pages', 'standard', 'USD', old_family,
      new_family),
    old_price, new_price) d;
$$;
create temporary table price as select p from public.prices p
where p.id = '00000000-0000-4000-9000-000000000001';
create function pg_temp.with(change jsonb) returns public.prices language sql as
  $$select jsonb_populate_record(p, change) from price$$;
select is(pg_temp.days(p, p, 'a', 'b'), '{} {(,2026-06-10),[infinity,)}',
  'the same price changes no day')
from price;
select is(pg_temp.days(p, null, 'a', 'a'), '{[2026-06-10,infinity)} {(,2026-06-10),[infinity,)}',
  'a price goes') from price;
select is(pg_temp.days(null, p, 'a', 'a'), '{[2026-06-10,infinity)} {(,)}',
  'a new price changes days from its beginning on') from price;
select is(pg_temp.days(p, pg_temp.with('{"effective_until": "2026-08-01"}'), 'a', 'a'),
  '{[2026-08-01,infinity)} {(,2026-06-10),[infinity,)}',
  'an ended price changes days from its end on') from price;
select is(pg_temp.days(p, pg_temp.with('{"unit_amount": 2}'), 'a', 'a'),
  '{[2026-06-10,infinity)} {(,2026-06-10),[infinity,)}', 'other terms are another price')
from price;
select is(pg_temp.days(pg_temp.with('{"family": "a", "scope": "family:a"}'),
    pg_temp.with('{"family": "a", "scope": "family:a"}'), 'a', 'b'),
  '{[2026-06-10,infinity)} {(,2026-06-10),[infinity,)}', 'another family has not its price');
select is((select count(*) from price, _billing.repriced_sections(null, null, '{pages}', '{USD}',
    '{(,)}', p, null)), 1::bigint, 'one settled period was charged by it');
savepoint families;
insert into public.models (id, family) values ('x', 'fx');
select is((select count(*) from _billing.repriced_sections(null, null, '{pages}', '{USD}', '{(,)}',
    null, pg_temp.with('{"family": "fx", "scope": "family:fx", "unit_amount": 2}'))), 1::bigint,
  'as much would be by another one of the model''s family');
rollback to families;

select throws_like($$select _billing.refuse_settled('this', array[
    ('00000000-0000-4000-8000-00000000000a', '2026-06-01', '2026-07-01'),
    ('00000000-0000-4000-8000-00000000000b', '2026-05-01', '2026-06-01')
  ]::_billing.settled_section[])$$,
  'this would change what Acme was charged for June 2026, %', 'the last one is named');
select throws_like($$select _billing.refuse_settled('this', array[
    ('00000000-0000-4000-8000-00000000000a', '2026-07-01', '2026-08-01')
  ]::_billing.settled_section[])$$, '%July 2026, which is settled (skipped, %',
  'a period without an invoice has not that of another period');
select lives_ok($$select _billing.refuse_settled('this', '{}')$$, 'none is fine');

-- Config: what charges, of a client's row and the default's.
select is(_billing.charging_config(null, d, '2026-06-30') ? 'minimum_minor'
    and not _billing.charging_config(null, d, '2026-06-30') ? 'deliveries', true,
  'a minimum charges, deliveries do not')
from public.billing_config d where d.client_id is null;
select is((select jsonb_agg(m.minimum_minor || ' ' || m.line_grouping) from public.billing_config o
    cross join lateral billing.merged_config(o, d, '2026-06-30') m where o.client_id is not null),
  '["0 model", "0 model"]', 'a client''s value, or the default''s where it has none')
from public.billing_config d where d.client_id is null;
select is((select count(*) from public.billing_config o cross join lateral
    _billing.altered_sections(o, null) where o.client_id is not null), 2::bigint,
  'without their rows both would have had the default''s minimum');

select * from finish();
rollback;
