-- A delivery that ends its workers: after two it runs alone and last, after four it is dead, with
-- its mail. The others go their way.
begin;
select plan(27);

insert into public.clients (id, name, email, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Huge', 'h@example.test', '2026-06-01'),
  ('00000000-0000-0000-0000-00000000000b', 'Plain', 'p@example.test', '2026-06-01');
insert into public.billing_config (client_id, deliveries)
select id, '{archive,email}' from public.clients;
select billing.run_monthly('2026-07-01 09:00+00');
delete from public.deliveries where event <> 'invoice_issued';
create temporary table at as select timestamptz '2026-07-01 10:00+00' as now;
update public.deliveries set due_at = (select now from at);
-- What a worker takes, by client and kind; each time later than all leases.
create function pg_temp.later() returns timestamptz language sql as $$
  update at set now = now + interval '1 hour' returning now;
$$;
create function pg_temp.take(kinds text[]) returns text language sql as $$
  select string_agg(c.name || ' ' || d.kind, ', ' order by c.name, d.kind)
  from _billing.claim_deliveries(kinds, 9, 120, pg_temp.later()) d
  join public.clients c on c.id = d.client_id;
$$;
create function pg_temp.take_alone() returns text language sql as $$
  select string_agg(c.name || ' ' || d.kind, ', ')
  from _billing.claim_delivery_alone('{archive,email}', 120, pg_temp.later()) d
  join public.clients c on c.id = d.client_id;
$$;
create function pg_temp.done(client text) returns bigint language sql as $$
  select count(_billing.finish_delivery(d.id, d.lease, '{"kind": "done"}', (select now from at)))
  from public.deliveries d join public.clients c on c.id = d.client_id
  where c.name = client and d.state = 'running' and d.due_at > (select now from at);
$$;
create function pg_temp.deaths() returns integer language sql as $$
  select d.worker_deaths from public.deliveries d join public.clients c on c.id = d.client_id
  where c.name = 'Huge' and d.kind = 'archive';
$$;

-- Two workers die of it, each with what it had beside it.
select is(pg_temp.take('{archive}'), 'Huge archive, Plain archive', 'a worker takes what is due');
select is(pg_temp.deaths(), 0, 'none has died yet');
select is(pg_temp.done('Plain'), 1::bigint, 'that of Plain ends well');
select is(pg_temp.take('{email}'), 'Huge email, Plain email', 'another worker sends the mails');
select is(pg_temp.done('Plain'), 1::bigint, 'of Plain well again');
select is(pg_temp.take('{archive}'), 'Huge archive',
  'the first worker has died: it is taken again');
select is(pg_temp.deaths(), 1, 'the death of the worker is counted');
select is(pg_temp.take('{email}'), null,
  'a mail waits while its archive has ended two workers: it would render the same');
select is((select _billing.waits_for_pdf(d, (select now from at)) from public.deliveries d
  join public.clients c on c.id = d.client_id where c.name = 'Huge' and d.kind = 'email'), true,
  'as is said');

-- Now it runs alone.
select is(pg_temp.take('{archive}'), null, 'after two it is not taken beside others');
select is((select _billing.is_suspect(d) from public.deliveries d join public.clients c
  on c.id = d.client_id where c.name = 'Huge' and d.kind = 'archive'), true, 'it is suspect');
update public.deliveries set state = 'running', lease = gen_random_uuid(), finished_at = null,
  due_at = (select now from at) + interval '90 minutes'
where kind = 'archive' and client_id = '00000000-0000-0000-0000-00000000000b';
select is(pg_temp.take_alone(), null, 'nor while another is under way');
select is(pg_temp.done('Plain'), 1::bigint, 'when that is done');
savepoint pair;
update public.deliveries set worker_deaths = 2, due_at = due_at - interval '1 day'
where kind = 'email' and client_id = '00000000-0000-0000-0000-00000000000a';
select is(pg_temp.take_alone(), 'Huge archive', 'before its mail, which has ended workers, too');
update public.deliveries set state = 'queued', lease = null, worker_deaths = 2
where kind = 'archive' and client_id = '00000000-0000-0000-0000-00000000000a';
select is((select _billing.waits_for_pdf(d, (select now from at)) from public.deliveries d
  join public.clients c on c.id = d.client_id where c.name = 'Huge' and d.kind = 'email'), true,
  'the mail waits, too, while its archive is queued again after two deaths');
rollback to pair;
select is(pg_temp.take_alone(), 'Huge archive', 'it is taken alone');
select is(pg_temp.deaths(), 2, 'with what it has done');

-- One that lives to tell is no longer suspect.
savepoint lives;
select is(pg_temp.done('Huge'), 1::bigint, 'alone it may end well');
select is(pg_temp.deaths(), 0, 'then nothing is held against it');
select is(pg_temp.take('{email}'), 'Huge email', 'and its mail goes');
rollback to lives;

-- It ends two more, and is dead.
select is(pg_temp.take_alone(), 'Huge archive', 'a second time alone');
select is(pg_temp.take('{archive,email}'), null, 'then it is given up');
select results_eq($$select kind, state, last_error from public.deliveries d
    where client_id = '00000000-0000-0000-0000-00000000000a' and event = 'invoice_issued'
    order by kind$$,
  format($$values ('archive', 'dead', 'its worker died four times, twice while it ran alone'),
    ('email', 'dead', 'its PDF cannot be rendered: see delivery %s')$$,
    (select d.id from public.deliveries d where d.kind = 'archive' and d.state = 'dead')),
  'with its reason, and its mail with it');
select is((select count(*) from public.deliveries where dedupe_key like 'dead:%:hermes'),
  2::bigint, 'operators are told of both');
select is(billing.requeue_deliveries('archive'), 1::bigint, 'it can be tried again');
select is(pg_temp.deaths(), 0, 'as if it were new');
select _billing.end_hopeless_deliveries('{email}', (select now from at));
update public.deliveries set state = 'running', lease = gen_random_uuid(), finished_at = null,
  attempts = max_attempts, due_at = (select now from at)
where kind = 'archive' and client_id = '00000000-0000-0000-0000-00000000000b';
select _billing.end_hopeless_deliveries('{archive}', (select now from at));
select is((select d.state from public.deliveries d where d.kind = 'archive'
  and d.client_id = '00000000-0000-0000-0000-00000000000b'), 'dead',
  'a last try is over at the instant at which its lease ends');

select * from finish();
rollback;
