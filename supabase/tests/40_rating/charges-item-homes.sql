-- An item of a day before the target goes to it where the period of that day is settled, and waits
-- where that is still to be billed.
begin;
select plan(5);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select id, 'Item', 1, 'USD', '2026-06-10' from public.clients;
insert into public.billing_periods (client_id, period_start, period_end, full_days)
select id, '2026-06-01', '2026-07-01', 30 from public.clients;
-- How many items July takes while June is so; changed: its usage is not what was rated.
create function pg_temp.taken(june text, changed boolean) returns bigint language sql as $$
  update public.billing_periods set state = june, usage_version = 5,
    rated_version = 5 - changed::integer;
  select count(*) from public.clients c
  cross join lateral _billing.items_of_targets(array[(c.id, '2026-07-01', '2026-08-01')
    ::billing.rating_target]) t;
$$;
select is(pg_temp.taken('pending', false), 0::bigint, 'June is still to come: it takes its item');
select is(pg_temp.taken('skipped', true), 0::bigint, 'June was skipped and has usage now: as well');
select is(pg_temp.taken('skipped', false), 1::bigint, 'June was skipped: July takes it');
select is(pg_temp.taken('invoiced', false), 1::bigint, 'June has its invoice: July takes it');
select is(pg_temp.taken('invoiced', true), 1::bigint,
  'late usage of June is billed with July, the item too');

select * from finish();
rollback;
