-- Prices of clients' own cost what the clients are: each is compared with its own prices and the
-- default list, not with everybody's.
begin;
select plan(2);

insert into clients (id, name, started_on)
select md5('own' || n)::uuid, 'Own ' || n, '2026-06-01' from generate_series(1, 1000) n;
insert into usage_records
select c.id, '2026-06-05', m, k, 'A', 5e6, 1, 5
from clients c, unnest('{claude-sonnet,claude-opus}'::text[]) m,
  unnest('{input_tokens,output_tokens}'::text[]) k
where c.name like 'Own %';

create function pg_temp.pricing_time(clients integer)
returns interval language plpgsql as $$
declare
  targets constant billing.rating_target[] := array(
    select (md5('own' || n)::uuid, '2026-06-01', '2026-07-01')::billing.rating_target
    from generate_series(1, clients) n);
  best interval := '1 hour';
  started timestamptz;
begin
  for round in 1..3 loop
    started := clock_timestamp();
    perform from billing.priced_usage(targets);
    best := least(best, clock_timestamp() - started);
  end loop;
  return best;
end $$;

insert into prices (client_id, model, metric, unit_amount, per_units)
select r.client_id, r.model, r.metric, 4, 1e6 from usage_records r
join clients c on c.id = r.client_id and c.name like 'Own %';

select is((
  select count(*) from billing.priced_usage(array(
    select (c.id, '2026-06-01', '2026-07-01')::billing.rating_target
    from clients c where c.name like 'Own %')) u
  join prices p on p.id = u.price_id and p.client_id = u.client_id), 4000::bigint,
  'each client pays its own prices');
-- 4 times where it grows with the clients, 16 times where everybody is compared with everybody.
select cmp_ok(pg_temp.pricing_time(1000), '<', 8 * pg_temp.pricing_time(250),
  'four times the clients with prices of their own take about four times as long');

select * from finish();
rollback;
