-- What happens at an instant changes no balance of an instant before it, also where the credit has
-- expired: of each kind of entry. Amounts derived by hand.
begin;
select plan(23);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-0000000388' || lpad(n::text, 2, '0'))::uuid, name, '2026-06-01'
from unnest('{used,rolled,gone,back,free}'::text[]) with ordinality x(name, n);
-- 30.00 a month.
insert into public.billing_config (client_id, minimum_minor) select id, 3000 from public.clients;
create function pg_temp.client(name text) returns uuid language sql as $$
  select c.id from public.clients c where c.name = client.name;
$$;
create function pg_temp.has(name text, at timestamptz) returns numeric language sql as $$
  select coalesce((select g.amount_minor
      from billing.granted_credit(pg_temp.client(name), at) g), 0)
    + coalesce((select p.amount_minor
      from billing.promotional_credit(pg_temp.client(name), at) p), 0);
$$;
-- Every balance of every client, each six hours until an instant.
create function pg_temp.past(until timestamptz) returns text language sql as $$
  select string_agg(concat_ws(' ', c.name, pg_temp.has(c.name, t)), ', ' order by c.name, t)
  from public.clients c
  cross join generate_series('2026-06-30 12:00+00', past.until, interval '6 hours') t;
$$;
create function pg_temp.breakage(at timestamptz) returns numeric language sql as $$
  select coalesce(sum(e.amount_minor), 0)
  from billing.ledger_entries e join billing.ledger_accounts a on a.id = e.account_id
  where a.kind = 'breakage' and e.effective_at <= at;
$$;
create function pg_temp.kinds(name text) returns text language sql as $$
  select string_agg(concat_ws(' ', e.kind, e.amount_minor), ', '
    order by e.effective_at, e.kind, e.amount_minor)
  from public.credit_entries e
  where e.client_id = pg_temp.client(kinds.name) and e.effective_at > '2026-07-01 00:00+00';
$$;
create function pg_temp.june(name text) returns uuid language sql as $$
  select i.id from public.invoices i
  where i.client_id = pg_temp.client(june.name) and i.period_start = '2026-06-01'
    and i.kind = 'period' and i.status <> 'void';
$$;

-- 50.00 until 1 July for each; of two of them a top-up of 50.00, of one promotional credit.
select billing.grant_credit(pg_temp.client('used'), 5000, expires_on => '2026-07-01',
  as_of => '2026-06-02');
select billing.grant_credit(pg_temp.client('rolled'), 5000, expires_on => '2026-07-01',
  as_of => '2026-06-02');
select billing.request_top_up(pg_temp.client(name), 5000, expires_after_days => 29,
  as_of => '2026-06-02')
from unnest('{gone,back}'::text[]) name;
select billing.record_payment(t.invoice_id, 5000, '2026-06-02') from public.top_ups t;
select billing.grant_credit(pg_temp.client('free'), 5000, 'promotional',
  expires_on => '2026-07-01', as_of => '2026-06-02');
select is(pg_temp.has(name, '2026-06-30'), 5000::numeric, name || ' has 50.00 in June')
from unnest('{used,rolled,gone,back,free}'::text[]) name;
create temporary table before as
select pg_temp.past('2026-07-03 06:00+00') as balances, pg_temp.breakage('2026-07-03') as breakage;
select is((select breakage from before), -20000::numeric, 'credit that pays has expired');

-- A dispute before June is invoiced: the expired credit is taken back.
insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method)
select t.invoice_id, t.client_id, -1500, 'dispute', 'USD', '2026-07-03 08:00+00', 'stripe'
from public.top_ups t;
select is(pg_temp.kinds('gone'), 'release 1500, withdrawal -1500', 'a withdrawal after the expiry');
insert into public.payments (invoice_id, client_id, amount_minor, kind, currency, paid_at, method)
select t.invoice_id, t.client_id, 1500, 'dispute_reversed', 'USD', '2026-07-03 08:30+00', 'stripe'
from public.top_ups t where t.client_id = pg_temp.client('back');
select is(pg_temp.kinds('back'),
  'release 1500, withdrawal -1500, reopening -1500, restoration 1500', 'and a restoration');
select billing.roll_over_credit(g.id, '2026-09-01', '2026-07-03 09:00+00')
from public.credit_grants g where g.client_id = pg_temp.client('rolled');
select is(pg_temp.kinds('rolled'), 'grant 5000, release 5000, rollover -5000, expiry -5000',
  'a rollover is of when it is made');
-- June is invoiced: each pays its 30.00 with what has expired.
select billing.run_monthly('2026-07-03 12:00+00');
select is(pg_temp.kinds('used'), 'release 3000, use -3000', 'a use after the expiry');
select is(pg_temp.kinds('free'), 'discount -3000, release 3000', 'and a discount');
select is(pg_temp.past('2026-07-03 06:00+00'), (select balances from before),
  'no balance of an earlier instant is another than it was');
select is(pg_temp.breakage('2026-07-03'), (select breakage from before),
  'nor is what had expired by then');
select is(pg_temp.has('used', '2026-07-03 12:00+00'), 0::numeric, 'expired credit stays expired');
create function pg_temp.document(name text) returns jsonb language sql as $$
  select i.document from public.invoices i where i.id = pg_temp.june(document.name);
$$;
select is(pg_temp.document('used') -> 'credits', '[{"description":
  "Prepaid credit until 2026-07-01", "amount_minor": 3000, "left_minor": 0,
  "expired_minor": 2000}]', 'a document says of expired credit that nothing is left of it');
select is(pg_temp.document('free') -> 'discounts', '[{"description": "Promotional credit",
  "amount_minor": -3000, "left_minor": 0, "expired_minor": 2000}]', 'promotional credit as well');
select is(pg_temp.document('rolled') #> '{credits,0,left_minor}', '2000',
  'of other credit what is');
select is(_billing.document_rest(null, 'infinity', 5, '{}'), '{"left_minor": 5}',
  'all of what never expires');

-- A void after the expiry: paid credit goes to the balance, promotional credit stays expired.
update before set balances = pg_temp.past('2026-07-04 06:00+00'),
  breakage = pg_temp.breakage('2026-07-04');
select billing.void_invoice(i.id, 'mistake', '2026-07-04 09:00+00')
from public.invoices i where i.kind = 'period' and i.amount_due_minor > 0;
select billing.issue_credit_note(pg_temp.june('used'), 'mistake', 3000, false,
  '2026-07-04 10:00+00');
select is(pg_temp.kinds('used'),
  'release 3000, use -3000, release 3000, reopening -3000, return 3000, transfer -3000',
  'credit that comes back after the expiry leaves for the balance at once');
select is(pg_temp.past('2026-07-04 06:00+00'), (select balances from before),
  'no balance of an earlier instant is another than it was');
select is(pg_temp.breakage('2026-07-04'), (select breakage from before),
  'nor is what had expired by then');
select is_empty('select * from billing.check_invariants()', 'the books agree');
select is((select sum(p.amount_minor) from public.clients c
    cross join lateral billing.granted_credit(c.id, '2026-08-01') p), 2000::numeric,
  'only what was rolled over is left, less what has paid for June');
select * from finish();
rollback;
