-- Credit that has expired pays the invoices of periods that began before, and documents say that it
-- is left until then; afterwards that it has expired. 30.00 a month; amounts derived by hand.
begin;
select plan(10);

insert into public.clients (id, name, started_on)
select ('00000000-0000-4000-8000-0000000389' || lpad(n::text, 2, '0'))::uuid, name, '2026-05-01'
from unnest('{paid,free}'::text[]) with ordinality x(name, n);
-- From July on drafts wait for three days.
insert into public.billing_config (client_id, minimum_minor, grace_hours, effective_from,
  effective_until)
select c.id, 3000, v.grace_hours, v.from_day::date, v.until_day::date
from public.clients c cross join (values (0, '-infinity', '2026-07-01'),
  (72, '2026-07-01', 'infinity')) v(grace_hours, from_day, until_day);
create function pg_temp.client(name text) returns uuid language sql as $$
  select c.id from public.clients c where c.name = client.name;
$$;
create function pg_temp.says(name text, start date) returns text language sql as $$
  select string_agg(concat_ws(' ', d ->> 'amount_minor', d ->> 'left_minor',
    d ->> 'expired_minor'), ', ')
  from public.invoices i cross join jsonb_array_elements(coalesce(i.document -> 'credits',
    i.document -> 'discounts')) d
  where i.client_id = pg_temp.client(says.name) and i.period_start = start;
$$;

-- 70.00 until 12 June each. May is invoiced on 15 June.
select billing.grant_credit(pg_temp.client('paid'), 7000, expires_on => '2026-06-12',
  as_of => '2026-05-02');
select billing.grant_credit(pg_temp.client('free'), 7000, 'promotional',
  expires_on => '2026-06-12', as_of => '2026-05-02');
select billing.generate_invoice(c.id, '2026-05-01', '2026-06-15') from public.clients c;
select is(pg_temp.says('paid', '2026-05-01'), '3000 4000', '40.00 are left: they pay June');
select is(pg_temp.says('free', '2026-05-01'), '-3000 4000', 'promotional credit as well');
select is(_billing.pays_after_expiry(pg_temp.client('paid'), '2026-06-12'), true,
  'as the rule is that takes it');
select is(billing.preview_invoice(pg_temp.client('free'), '2026-06-20', '2026-06-20')
    #>> '{discounts,0,expired_minor}', '1000', 'a preview of June says what its invoice will');
select billing.run_monthly('2026-07-01 12:00+00');
select is(pg_temp.says('paid', '2026-06-01'), '3000 0 1000', 'after June the rest has expired');
select is(pg_temp.says('free', '2026-06-01'), '-3000 0 1000', 'promotional credit as well');
select is(_billing.pays_after_expiry(pg_temp.client('paid'), '2026-06-12'), false,
  'nothing takes it any more');

-- Of a draft what will be once it is issued.
select is(_billing.pays_after_expiry(pg_temp.client('paid'), '2026-07-12'), true,
  'July is not invoiced');
select billing.run_monthly('2026-08-01 12:00+00');
select is(_billing.pays_after_expiry(pg_temp.client('paid'), '2026-07-12'), true,
  'nor where its draft waits');
select is(_billing.pays_after_expiry(pg_temp.client('paid'), '2026-07-12',
    array(select i.id from public.invoices i where i.status = 'draft')), false,
  'but by what its document counts as issued');

select * from finish();
rollback;
