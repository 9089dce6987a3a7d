-- Late usage: the whole month is rated again and the difference charged, with minimum, tiers,
-- discount and tax taken into account; a negative difference becomes a credit note. In the end each
-- client has paid what one invoice with everything known at once would have said.
begin;
select plan(5);

-- first and late: input tokens of Sonnet (3.00 per million), or images (tiers) with `tiered`.
create temporary table cases (rule text, minimum bigint, percent numeric, taxes jsonb,
  first bigint, late bigint, tiered boolean, charged bigint, credited bigint);
insert into cases values
  ('late usage within the minimum costs nothing', 5000, null, '[]', 1000000, 5000000, false, 0, 0),
  ('late usage up to the minimum exactly', 3000, null, '[]', 5000000, 5000000, false, 0, 0),
  ('late usage over the minimum: 60.00 - 50.00', 5000, null, '[]', 10000000, 10000000, false, 1000,
    0),
  ('late usage beside a month above the minimum', 1000, null, '[]', 10000000, 1000000, false, 300,
    0),
  ('late usage that crosses a tier: 90 * 1.00, then 10 * 1.00 + 10 * 0.50', 0, null, '[]', 90, 20,
    true, 1500, 0),
  ('late usage within a tier', 0, null, '[]', 110, 10, true, 500, 0),
  ('discount on late usage: 10 % off 3.00', 0, 10, '[]', 10000000, 1000000, false, 270, 0),
  ('tax on late usage: 3.00 and 20 %', 0, null, '[{"name": "VAT", "rate_percent": "20",
    "behavior": "exclusive"}]', 10000000, 1000000, false, 360, 0),
  ('tax within late usage: 3.00', 0, null, '[{"name": "VAT", "rate_percent": "20",
    "behavior": "inclusive"}]', 10000000, 1000000, false, 300, 0),
  ('discount, then tax: 2.70 and 20 %', 0, 10, '[{"name": "VAT", "rate_percent": "20",
    "behavior": "exclusive"}]', 10000000, 1000000, false, 324, 0),
  ('a correction: 3.00 back', 0, null, '[]', 10000000, -1000000, false, 0, 300),
  ('a correction within the minimum gives nothing back', 5000, null, '[]', 10000000, -1000000,
    false, 0, 0),
  ('a correction down to the minimum: 60.00 to 50.00', 5000, null, '[]', 20000000, -10000000, false,
    0, 1000),
  ('a correction with tax: 3.60 back', 0, null, '[{"name": "VAT", "rate_percent": "20",
    "behavior": "exclusive"}]', 10000000, -1000000, false, 0, 360),
  ('a correction with discount and tax: 3.24 back', 0, 10, '[{"name": "VAT", "rate_percent": "20",
    "behavior": "exclusive"}]', 10000000, -1000000, false, 0, 324),
  ('a correction of everything', 0, null, '[]', 10000000, -10000000, false, 0, 3000),
  ('a correction back over a tier: 10 * 0.50 and 10 * 1.00', 0, null, '[]', 110, -20, true, 0,
    1500);

insert into public.prices (model, metric, pricing_model, tiers) values ('painter', 'images',
  'graduated', '[{"up_to": 100, "unit_amount": 1}, {"unit_amount": 0.5}]');
insert into public.clients (name, started_on) select rule, '2026-06-01' from cases;
insert into public.billing_config (client_id, minimum_minor, discount_percent, taxes)
select c.id, k.minimum, k.percent, k.taxes
from cases k join public.clients c on c.name = k.rule;
create function pg_temp.log(late boolean) returns bigint language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, other_features, client_id,
    "timestamp")
  select 'S', case when k.tiered then 'painter' else 'claude-sonnet' end,
    case when k.tiered then 0 else q.units end,
    case when k.tiered then jsonb_build_object('images', q.units) else '{}' end, c.id,
    '2026-06-10'
  from cases k join public.clients c on c.name = k.rule
  cross join lateral (select case when $1 then k.late else k.first end as units) q
  where q.units > 0;
  -- Below zero: so much less than was logged first.
  select count(billing.correct_log(l.id, case when k.tiered
    then jsonb_build_object('other_features', jsonb_build_object('images', k.first + k.late))
    else jsonb_build_object('input_tokens', k.first + k.late) end, 'a test'))
  from cases k join public.clients c on c.name = k.rule
  join public.agent_usage_logs l on l.client_id = c.id and l.corrects_id is null
  where $1 and k.late < 0;
$$;

select pg_temp.log(false);
select billing.run_monthly('2026-07-01 00:00+00');
create temporary table june as select (i.*)::public.invoices as invoice from public.invoices i;
-- July ends every service, so late usage gets an invoice of its own that is easy to see.
update public.clients set ended_on = '2026-07-01';
select pg_temp.log(true);
select billing.run_monthly('2026-08-01 00:00+00');

select results_eq($$
  select k.rule, coalesce((select sum(i.total_minor) from public.invoices i
      where i.client_id = c.id and i.issued_on = '2026-08-01'), 0),
    coalesce((select sum(n.total_minor) from public.credit_notes n where n.client_id = c.id), 0)
  from cases k join public.clients c on c.name = k.rule order by 1$$,
  $$select rule, charged::numeric, credited::numeric from cases order by 1$$,
  'each difference is charged or credited to the cent');
select is_empty($$
  select (j.invoice).number from june j join public.invoices i on i.id = (j.invoice).id
  where (i.subtotal_minor, i.total_minor, i.document) is distinct from
    ((j.invoice).subtotal_minor, (j.invoice).total_minor, (j.invoice).document)$$,
  'no issued invoice is changed');
create temporary table done as select count(*) as invoices, (select count(*)
  from public.credit_notes) as notes from public.invoices;
select billing.run_monthly('2026-09-01 00:00+00');
select results_eq(
  'select count(*), (select count(*) from public.credit_notes) from public.invoices',
  'select * from done', 'the next run finds nothing left to do');

-- The same with everything known at once.
select is_empty($$
  select k.rule from cases k join public.clients c on c.name = k.rule
  cross join lateral (select coalesce(sum(r.amount_minor)
      filter (where r.tax_behavior is distinct from 'inclusive'), 0) as total
    from _billing.rate_periods(array[(c.id, '2026-06-01', '2026-07-01')::billing.rating_target]) r
  ) once
  where once.total <> coalesce((select sum(i.total_minor) from public.invoices i
      where i.client_id = c.id), 0) - coalesce((select sum(n.total_minor)
      from public.credit_notes n where n.client_id = c.id), 0)$$,
  'invoices less credits are what one invoice with everything known would be');
select is_empty($$select * from public.credit_notes n where total_minor <> (
    select sum(l.amount_minor) from public.credit_note_lines l
    left join public.invoice_lines o on o.invoice_id = n.invoice_id
      and o.rating_key = l.rating_key and o.kind = 'tax'
    where l.credit_note_id = n.id and o.tax_behavior is distinct from 'inclusive')$$,
  'credit notes are sums of their lines');

select * from finish();
rollback;
