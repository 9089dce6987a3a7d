-- Deliveries of invoices that are issued at once go out in the order of their numbers; one that has
-- given up is told of once.
begin;
select plan(3);

insert into public.clients (name, email, started_on)
select 'Client ' || n, 'c@example.com', '2026-06-01' from generate_series(1, 3) n;
select billing.run_monthly('2026-07-01');
create function pg_temp.numbers(kinds text) returns text[] language sql as $$
  select array_agg(right(i.number, 1) order by d.id) from public.deliveries d
  join public.invoices i on i.id = d.invoice_id
  where d.event = 'invoice_issued' and (d.kind = 'email') = (kinds = 'email')
    and d.kind in ('email', 'archive');
$$;
select is(pg_temp.numbers('archive'), '{1,2,3}', 'archives are given out by invoice number');
select is(pg_temp.numbers('email'), '{1,2,3}', 'mails are given out by invoice number');

update public.deliveries set state = 'dead', finished_at = '2026-07-01', last_error = 'refused'
where id = (select min(id) from public.deliveries);
select _billing.report_dead_delivery(d.id) from generate_series(1, 2), public.deliveries d
where d.state = 'dead';
select is((select count(*) from public.deliveries where dedupe_key like 'dead:%'), 1::bigint,
  'operators are told once');

select * from finish();
rollback;
