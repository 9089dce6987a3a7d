-- Which function takes which lock. A row that is locked carries the transaction in its xmax, and
-- does so after a rollback too: one session sees which rows a statement has locked, whatever came
-- of it.
begin;
select plan(51);

insert into public.clients (id, name, email, started_on) values
  ('00000000-0000-4000-8000-000000000a36', 'One', 'one@example.com', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b36', 'Two', 'two@example.com', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 5000 from public.clients where name = 'One';
insert into public.invoice_items (id, client_id, description, unit_amount, currency, item_day)
select '00000000-0000-4000-8000-000000000c36', id, 'Fee', 5, 'USD', '2026-07-02'
from public.clients where name = 'One';
select billing.run_monthly('2026-07-01');
create temporary table inv as
select i.* from public.invoices i join public.clients c on c.id = i.client_id
where c.name = 'One';
insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state)
select id, false, 'in_1', 'open' from inv;
insert into public.stripe_payments (payment_intent_id, stripe_invoice_id, amount_minor, seen_at)
values ('pi_1', 'in_1', 0, '2026-07-02');

-- It can be told of rows written anew: the run has locked those that there were.
update _billing.settlement_locks set client_id = client_id;
update _billing.terms_versions set version = version;
update public.clients set email = email;

-- Runs a statement, takes all of it back and returns the names of the rows that were locked.
create function pg_temp.locked(statement text, names text) returns text[] language plpgsql as $$
declare
  before jsonb;
  locked text[];
begin
  execute format('select jsonb_object_agg(r.name, r.mark) from (%s) r', names) into before;
  begin
    execute statement;
    raise exception 'done';
  exception when others then
    null;
  end;
  execute format('select array_agg(r.name order by r.name) from (%s) r
    where r.mark is distinct from $1 ->> r.name', names) into locked using before;
  return locked;
end $$;
create function pg_temp.clients(statement text) returns text[] language sql as $$
  select pg_temp.locked(statement, 'select c.name, l.xmax::text as mark
    from _billing.settlement_locks l join public.clients c on c.id = l.client_id');
$$;
create function pg_temp.usage_is_held(statement text) returns boolean language sql as $$
  select pg_temp.locked(statement,
    'select ''usage'' as name, w.xmax::text as mark from billing.usage_watermark w') is not null;
$$;
-- How many advisory locks a statement takes that its transaction did not have.
create function pg_temp.advisory(statement text) returns bigint language plpgsql as $$
declare
  held constant bigint := (select count(*) from pg_locks
    where locktype = 'advisory' and pid = pg_backend_pid());
  taken bigint;
begin
  begin
    execute statement;
    taken := (select count(*) from pg_locks
      where locktype = 'advisory' and pid = pg_backend_pid()) - held;
    raise exception 'done';
  exception when others then
    return taken;
  end;
end $$;
select is(pg_temp.clients('select 1'), null, 'a statement without locks shows none');

-- Every function that writes the books of a client takes its lock first, even where nothing is to
-- be written: so that it reads what nobody is about to change. The client's alone.
create temporary table asked as select * from (values
  ($$select billing.issue_credit_note('%s', 'why', 100, false)$$),
  ($$select billing.record_payment('%s', 0)$$),
  ($$select billing.mark_uncollectible('%s')$$),
  ($$update public.invoice_items set section_start = '2026-07-01';
    select billing.create_one_off_invoice('{00000000-0000-4000-8000-000000000c36}')$$),
  ($$select billing.finalize_invoice('%s')$$),
  ($$select billing.void_invoice('%s', 'by mistake')$$),
  ($$select billing.regenerate_invoice('%s')$$),
  ($$select billing.generate_invoice('%2$s', '2026-06-01', '2026-07-02')$$),
  ($$select billing.preview_invoice('%2$s', '2026-07-01', '2026-07-02')$$),
  ($$select billing.charge_base_fee('%2$s', 10, 'Fee', '2026-07-01')$$),
  ($$select billing.apply_stripe_charge('{"id": "ch_1", "payment_intent": "pi_1",
    "currency": "usd", "amount_refunded": 0}', '2026-07-02')$$),
  ($$select billing.apply_stripe_dispute('{"id": "dp_1", "payment_intent": "pi_1",
    "amount": 100, "currency": "usd"}', '2026-07-02')$$),
  ($$select billing.apply_stripe_invoice_payment('{"invoice": "in_1", "amount_paid": 0,
    "currency": "usd"}', '2026-07-02')$$),
  ($$select billing.apply_stripe_invoice('{"id": "in_1", "livemode": false, "currency": "usd",
    "status": "open", "total": 5000}', '2026-07-02')$$),
  ($$select billing.apply_stripe_credit_note('{"id": "cn_1", "invoice": "in_1",
    "livemode": false, "currency": "usd", "total": 100, "metadata":
      {"leveredge_credit_note_id": "00000000-0000-4000-8000-000000000d36"}}', '2026-07-02')$$),
  ($$select billing.apply_stripe_subscription('{"id": "sub_1", "metadata":
    {"leveredge_client_id": "%2$s"}, "livemode": false, "status": "incomplete",
    "items": {"data": []}}', '2026-07-02')$$),
  ($$insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
    values ('%2$s', false, 'cus_9');
    select billing.apply_stripe_balance('cus_9', '[]', '2026-07-02')$$),
  ($$select billing.apply_stripe_refund('{"id": "re_1", "payment_intent": "pi_1",
    "currency": "usd", "amount": 100}', '2026-07-02')$$),
  ($$select billing.grant_credit('%2$s', 100)$$),
  ($$insert into public.credit_grants (client_id, kind, currency, amount_minor, cost_minor,
      method, granted_at, effective_at)
    values ('%2$s', 'paid', 'USD', 100, 100, 'manual', '2026-07-02', '2026-07-02');
    select billing.roll_over_credit((select g.id from public.credit_grants g))$$),
  ($$select billing.request_top_up('%2$s', 100)$$),
  ($$select billing.set_auto_recharge('%2$s', 100, 1000, amount_minor => 500)$$),
  ($$select billing.want_recharge('%2$s')$$),
  ($$select billing.invoice_recharge('%2$s')$$),
  ($$select billing.release_invoice('%s', 'checked')$$),
  ($$select billing.erase_personal_data('%2$s', 'they asked')$$),
  ($$insert into public.agent_usage_logs (agent, model, client_id, "timestamp")
    values ('A', 'm', '%2$s', '2026-06-10');
    select _billing.lock_lowered(array(select l.id from public.agent_usage_logs l))$$)
) v(statement);
select is(pg_temp.clients(format(a.statement, (select id from inv), (select client_id from inv))),
  '{One}', a.statement)
from asked a;
select is_empty($$
  select f.name from (
    select n.nspname || '.' || p.proname as name,
      coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname in ('billing', '_billing')) f
  where f.body ~ '_billing\.lock_clients\('
    and not exists (select from asked a where strpos(a.statement, f.name || '(') > 0)$$,
  'every function that takes the lock of a client is among them');
select is(pg_temp.clients($$select _billing.lock_clients(array(select id from public.clients
  where name = 'Two'))$$), '{Two}', 'lock_clients locks whom it is given');

-- The other locks of the order.
select is(pg_temp.locked(format($$select _billing.lock_periods(array[
    ('%s', '2026-06-01', '2026-07-01')::billing.rating_target])$$, client_id),
  $$select c.name, p.xmax::text as mark from public.billing_periods p
    join public.clients c on c.id = p.client_id where p.period_start = '2026-06-01'$$),
  '{One}', 'lock_periods locks the periods that it is given') from inv;
select is(pg_temp.locked(format('select _billing.hold_terms(%L)', array[client_id]),
  $$select coalesce(c.name, 'all') as name, v.xmax::text as mark from _billing.terms_versions v
    left join public.clients c on c.id = v.client_id$$), '{One,all}',
  'hold_terms locks the versions of the client''s terms and of those for all') from inv;
select is(pg_temp.locked(format('select _billing.get_invoice(%L)', id),
  'select i.client_id::text as name, i.xmax::text as mark from public.invoices i'),
  array[client_id::text], 'get_invoice locks the invoice') from inv;
select is(pg_temp.locked(format('select _billing.hold_client(%L)', client_id),
  'select c.name, c.xmax::text as mark from public.clients c'), '{One}',
  'hold_client locks the client') from inv;
select is(pg_temp.locked($$delete from public.service_intervals where client_id =
    (select client_id from inv)$$,
  'select c.name, c.xmax::text as mark from public.clients c'), '{One}',
  'so does a change of service');
update billing.monthly_runs set repaired_until = 'infinity';
select is(pg_temp.locked(format('select billing.%s((select max(id) from billing.monthly_runs))', f),
  $$select 'run' as name, r.xmax::text as mark from billing.monthly_runs r$$), '{run}',
  f || ' locks its run, also where nothing is left to do')
from unnest('{repair_step,finish_run}'::text[]) f;

-- A lock is noted with its level, so that tests see one that is taken out of order.
create function pg_temp.level_after(statement text) returns text language plpgsql as $$
begin
  perform set_config('billing.lock_level', '0', true);
  execute statement;
  return current_setting('billing.lock_level');
end $$;
select is(pg_temp.level_after($$select _billing.lock_clients('{}')$$), '1',
  'lock_clients has level 1');
select is(pg_temp.level_after($$select _billing.lock_periods('{}')$$), '2',
  'lock_periods has level 2');
select is(pg_temp.level_after($$select _billing.hold_terms('{}')$$), '3', 'hold_terms has level 3');
select is(pg_temp.level_after($$select billing.generate_invoice((select id from public.clients
  where name = 'Two'), '2026-07-01', '2026-08-02')$$), '4', 'an invoice number has level 4');

-- Usage: opening periods and deciding about rows keep rollups out.
update billing.usage_watermark set moved_at = moved_at;
select ok(pg_temp.usage_is_held(v.statement), v.statement) from (values
  ('select _billing.hold_usage()'), ('select _billing.rollup_if_free()'),
  ('select billing.release_held_logs()'),
  ($$select billing.dismiss_quarantined('test', reason => 'none')$$),
  ($$select billing.reinstate_dismissed('{}')$$),
  ($$insert into billing.rebuild_requests (from_day, until_day, in_steps)
    values ('2026-06-01', '2026-06-01', true); select billing.rebuild_step()$$),
  ($$select billing.rebuild_usage('2026-06-01', '2026-06-01')$$)
) v(statement);

-- Advisory locks.
select is(pg_temp.advisory($$select _billing.due_meter_events(false)$$), 1::bigint,
  'meter events are told one caller after the other');
select is(pg_temp.advisory(format($$select _billing.save_stripe_customer('%s', false, 'cus_1',
  'x')$$, client_id)), 1::bigint, 'a customer is noted by one at a time') from inv;
insert into public.agent_usage_logs (id, agent, model, web_searches, client_id, "timestamp")
select '00000000-0000-4000-8000-000000000e36', 'S', 'claude-sonnet', 1, client_id, '2026-07-01'
from inv;
select is(pg_temp.advisory(
    $$select billing.retract_log('00000000-0000-4000-8000-000000000e36', 'test')$$),
  1::bigint, 'corrections of a log are judged one after the other');

select * from finish();
rollback;
