-- What a settled period was charged by is frozen, invoiced or skipped; all else can be mended.
begin;
select plan(54);

create function pg_temp.id(name text) returns uuid language sql stable as
  $$select c.id from public.clients c where c.name = $1$$;
create function pg_temp.refusal(statement text) returns text language plpgsql as $$
declare
  code text;
begin
  begin
    execute statement;
    raise exception using errcode = 'LB999', detail = 'done';
  exception when others then
    get stacked diagnostics code = pg_exception_detail;
  end;
  return nullif(code, 'done');
end $$;
-- Acme is charged for June; Free has a price of zero for its 100,000 searches, so that its June is
-- skipped; Grace's June is a draft; Young has July alone.
insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-00000000000a', 'Acme', '2026-06-01'),
  ('00000000-0000-4000-8000-00000000000b', 'Free', '2026-06-01'),
  ('00000000-0000-4000-8000-00000000000c', 'Grace', '2026-06-01'),
  ('00000000-0000-4000-8000-00000000000d', 'Young', '2026-07-01');
insert into public.billing_config (client_id, minimum_minor, grace_hours)
select id, 0, case when name = 'Grace' then 480 else 0 end from public.clients;
insert into public.prices (id, client_id, metric, unit_amount, per_units)
select ('00000000-0000-4000-9000-0000000000' || n)::uuid, pg_temp.id(c), m, a, 1
from (values ('01', 'Acme', 'web_searches', 0.01), ('02', 'Acme', 'pages', 2),
  ('03', 'Free', 'web_searches', 0), ('04', 'Grace', 'web_searches', 0.01),
  ('05', 'Young', 'web_searches', 0.01)) v(n, c, m, a);
insert into public.prices (id, model, metric, unit_amount, effective_from)
values ('00000000-0000-4000-9000-000000000006', 'm', 'input_tokens', 1, '2026-06-10');
insert into public.agent_usage_logs (agent, model, web_searches, input_tokens, client_id,
  "timestamp", created_at)
select 'S', m, s, i, pg_temp.id(c), t::timestamptz, t::timestamptz from (values
  ('Acme', 'x', 1000, 0, '2026-06-12'), ('Acme', 'm', 0, 3, '2026-06-20'),
  ('Free', 'x', 100000, 0, '2026-06-12'), ('Grace', 'x', 1000, 0, '2026-06-12'),
  ('Acme', 'x', 10, 0, '2026-07-03'), ('Young', 'x', 10, 0, '2026-07-03')) v(c, m, s, i, t);
insert into public.models (id, family) values ('x', 'xs'), ('m', 'ms');
select billing.run_monthly('2026-07-05');
set local billing.as_of = '2026-07-05';
select results_eq($$select c.name, p.state, p.settled_at is not null,
    (select i.status || ' ' || i.total_minor from public.invoices i where i.client_id = c.id)
  from public.billing_periods p join public.clients c on c.id = p.client_id
  where c.name <> 'Young' order by 1$$,
  $$values ('Acme', 'invoiced', true, 'open 1300'), ('Free', 'skipped', true, null),
    ('Grace', 'invoiced', false, 'draft 1000')$$,
  'issued and skipped periods are settled; drafts are not');

-- The price of a month that runs, or is a draft, is mended in place.
create function pg_temp.price(n text) returns text language sql as
  $$select format('id = ''00000000-0000-4000-9000-0000000000%s''', $1)$$;
select is(pg_temp.refusal('update public.prices set unit_amount = 0.02 where '
  || pg_temp.price(n)), code, message)
from (values ('05', null, 'a typo in the running month is mended in place'),
  ('04', null, 'so is one of a draft in its grace'),
  ('02', null, 'and a price that nothing was charged by'),
  ('01', 'past_is_frozen', 'not one that an invoice charged by'),
  ('03', 'past_is_frozen', 'nor one that a skipped month had for nothing'),
  ('06', 'past_is_frozen', 'nor the default list''s, charged to one client')) v(n, code, message);
select is(pg_temp.refusal('delete from public.prices where ' || pg_temp.price(n)), code,
  'deleted: ' || n)
from (values ('05', null), ('04', null), ('02', null), ('01', 'past_is_frozen'),
  ('03', 'past_is_frozen'), ('06', 'past_is_frozen')) v(n, code);
select is(pg_temp.refusal(format('update public.prices set %s where %s', change,
  pg_temp.price('01'))), code, change)
from (values ('created_at = now()', null), ('effective_until = ''2026-07-01''', null),
  ('effective_until = ''2026-07-05''', null),
  ('effective_until = ''2026-06-30''', 'past_is_frozen'),
  ('effective_from = ''2026-06-01''', null), ('effective_from = ''2026-06-02''', 'past_is_frozen'),
  ('free_units = 2000', 'past_is_frozen'), ('model = ''y''', 'past_is_frozen'),
  ('class_multipliers = ''{"batch": 0.5}''', 'past_is_frozen'),
  ('currency = ''EUR''', 'past_is_frozen'),
  ('metric = ''units''', 'past_is_frozen'),
  ('client_id = ''00000000-0000-4000-8000-00000000000d'', metric = ''zs''', 'past_is_frozen')
) v(change, code);

-- New prices: for what was not charged, or from the end of the last settled period on.
select is(pg_temp.refusal(format('insert into public.prices (client_id, model, family, metric,
    unit_amount, effective_from) values (%L, %L, %L, %L, 1, %L)', pg_temp.id(c), m, f, metric, d)),
  code, concat_ws(' ', c, m, f, metric, d))
from (values ('Free', 'x', null, 'web_searches', '-infinity', 'past_is_frozen'),
  ('Free', null, 'xs', 'web_searches', '2026-06-30', 'past_is_frozen'),
  ('Free', 'x', null, 'web_searches', '2026-07-01', null),
  ('Free', 'y', null, 'web_searches', '-infinity', null),
  ('Free', null, null, 'requests', '-infinity', 'past_is_frozen'),
  ('Free', null, null, 'requests', '2026-07-01', null),
  ('Acme', null, null, 'requests', '-infinity', 'past_is_frozen'),
  ('Acme', null, null, 'input_tokens', '2026-06-01', 'past_is_frozen'),
  ('Acme', null, null, 'output_tokens', '-infinity', null),
  ('Grace', 'x', null, 'web_searches', '-infinity', null),
  (null, null, 'xs', 'web_searches', '-infinity', null)) v(c, m, f, metric, d, code);
select is(pg_temp.refusal($$insert into public.prices (model, metric, unit_amount, effective_until)
  values ('m', 'input_tokens', 5, '2026-06-10')$$), null,
  'days without a price may get one: usage of them was never charged');
create function pg_temp.told(n text) returns text language plpgsql as $$
declare
  told text;
begin
  execute 'update public.prices set unit_amount = 9 where ' || pg_temp.price(n);
exception when others then
  get stacked diagnostics told = pg_exception_hint;
  return sqlerrm || '; ' || told;
end $$;
select is(pg_temp.told('01'), 'this price would change what Acme was charged for June 2026, which '
  'is settled (invoice INV-2026-000001); leave the days before 2026-07-01 as they are: end the row '
  'there (effective_until 2026-07-01) and let a new one begin (effective_from 2026-07-01); only a '
  'period whose invoice is void can be charged otherwise',
  'the refusal names the client, the period, its invoice and what to do instead');
select alike(pg_temp.told('03'), '% Free was charged for June 2026, which is settled (skipped, '
  'nothing was due)%', 'or that it was skipped');

-- Families.
select is(pg_temp.refusal(format('update public.models set family = ''ys'' where id = %L', m)),
  null, m || ' may move where its own price, or any model''s, holds')
from unnest('{x,m}'::text[]) m;
insert into public.prices (family, metric, unit_amount, effective_from)
values ('ys', 'input_tokens', 1, '-infinity'), ('zs', 'web_searches', 1, '-infinity');
select is(pg_temp.refusal($$update public.models set family = 'zs' where id = 'x'$$), null,
  'a default price of the family does not hold where the client has its own');
select is(pg_temp.refusal($$delete from public.models where id = 'x'$$), null, 'it may go as well');
insert into public.prices (client_id, family, metric, unit_amount)
select id, 'zs', 'web_searches', 1 from public.clients where name = 'Free';
select is(pg_temp.refusal($$update public.models set family = 'zs' where id = 'x'$$),
  'past_is_frozen', 'a model may not move to a family that a free month would be priced by');

-- Config.
select is(pg_temp.refusal(format('update public.billing_config set %s where client_id = %L', change,
  pg_temp.id(c))), code, c || ': ' || change)
from (values ('Acme', 'minimum_minor = 5000', 'past_is_frozen'),
  ('Acme', 'deliveries = ''{archive}'', payment_terms_days = 5, grace_hours = 1', null),
  ('Acme', 'currency = ''USD''', null), ('Acme', 'discount_percent = 5', 'past_is_frozen'),
  ('Acme', 'discount_percent = 5, discount_until = ''2026-06-30''', null),
  ('Free', 'minimum_minor = 5000', 'past_is_frozen'), ('Grace', 'minimum_minor = 5000', null),
  ('Young', 'minimum_minor = 5000', null), ('Acme', 'effective_until = ''2026-07-01''', null),
  ('Acme', 'effective_until = ''2026-06-30''', 'past_is_frozen')) v(c, change, code);

select * from finish();
rollback;
