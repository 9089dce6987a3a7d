-- Periods: from anchor day to anchor day, each starting where the last one ended.
begin;
select plan(9);

create temporary table cases (day date, anchor integer, period_start date, period_end date,
  rule text);
insert into cases values
  ('2026-06-15', 1, '2026-06-01', '2026-07-01', 'calendar months by default'),
  ('2026-06-01', 1, '2026-06-01', '2026-07-01', 'the anchor day belongs to the period it begins'),
  ('2026-06-30', 1, '2026-06-01', '2026-07-01', 'the last day to the one it ends'),
  ('2026-06-14', 15, '2026-05-15', '2026-06-15', 'the day before the 15th'),
  ('2026-06-15', 15, '2026-06-15', '2026-07-15', 'the 15th'),
  ('2026-01-31', 31, '2026-01-31', '2026-02-28', '31 clamps to the end of February'),
  ('2026-02-28', 31, '2026-02-28', '2026-03-31', 'and is 31 again in March: no drift'),
  ('2026-04-29', 31, '2026-03-31', '2026-04-30', 'the 30th in April'),
  ('2028-02-29', 31, '2028-02-29', '2028-03-31', 'the 29th in a leap February'),
  ('2028-02-28', 29, '2028-01-29', '2028-02-29', 'an anchor of 29 in a leap year'),
  ('2027-02-28', 29, '2027-02-28', '2027-03-29', 'and in another'),
  ('2026-12-31', 1, '2026-12-01', '2027-01-01', 'over the year''s end'),
  ('2027-01-10', 20, '2026-12-20', '2027-01-20', 'over the year''s end, anchored');
select is_empty($$
  select rule, billing.period_start_of(day, anchor), billing.period_end_of(day, anchor) from cases
  where (billing.period_start_of(day, anchor), billing.period_end_of(day, anchor))
    is distinct from (period_start, period_end)$$, 'every day lies in the period written');
select is_empty($$
  select d.day, a from generate_series('2026-01-01'::date, '2028-12-31', interval '1 day') d(day),
    generate_series(1, 31) a
  where not (billing.period_start_of(d.day::date, a) <= d.day
      and d.day < billing.period_end_of(d.day::date, a))
    or billing.period_start_of(billing.period_end_of(d.day::date, a), a)
      <> billing.period_end_of(d.day::date, a)$$,
  'for every anchor, periods follow each other without a gap for three years');
select is_empty($$
  select d.day, a from generate_series('2026-01-01'::date, '2028-12-31', interval '1 day') d(day)
  cross join generate_series(1, 31) a
  cross join lateral billing.period_around(d.day::date, a) x
  where (x.starts, x.ends) is distinct from
    (billing.period_start_of(d.day::date, a), billing.period_end_of(d.day::date, a))$$,
  'period_around says the same');
select is(billing.anchor_in_month('2026-02-10', 30), '2026-02-28'::date,
  'an anchor day is clamped to its month');

create function pg_temp.periods(client text) returns table (period_start date, period_end date)
language sql as $$
  select p.period_start, p.period_end from public.billing_periods p
  join public.clients c on c.id = p.client_id where c.name = client order by 1;
$$;
insert into public.clients (name, started_on, billing_anchor_day) values
  ('Thirty-first', '2026-01-31', 31), ('Moves', '2026-06-01', 1), ('Leaves', '2026-06-01', 1);
update public.clients set ended_on = '2026-07-10' where name = 'Leaves';

select billing.run_monthly('2026-06-01 00:00+00');
select results_eq($$select * from pg_temp.periods('Thirty-first')$$,
  $$values ('2026-01-31'::date, '2026-02-28'::date), ('2026-02-28', '2026-03-31'),
    ('2026-03-31', '2026-04-30'), ('2026-04-30', '2026-05-31')$$,
  'contract months on the 31st clamp without drifting');

-- The anchor moves from the 1st to the 15th in July: a short period closes the gap.
select billing.run_monthly('2026-07-01 00:00+00');
update public.clients set billing_anchor_day = 15 where name = 'Moves';
select billing.run_monthly('2026-08-20 00:00+00');
select results_eq($$select * from pg_temp.periods('Moves')$$,
  $$values ('2026-06-01'::date, '2026-07-01'::date), ('2026-07-01', '2026-07-15'),
    ('2026-07-15', '2026-08-15')$$,
      'after a new anchor the next period starts where the last ended');
select is((select l.amount_minor from public.invoice_lines l
    join public.invoices i on i.id = l.invoice_id join public.clients c on c.id = i.client_id
  where c.name = 'Moves' and i.period_start = '2026-07-01'), 2333::bigint,
  'the short period pays 14 of 30 days of the minimum: 50.00 * 14 / 30 = 23.33');
select results_eq($$select * from pg_temp.periods('Leaves')$$,
  $$values ('2026-06-01'::date, '2026-07-01'::date), ('2026-07-01', '2026-08-01')$$,
  'a client that left has no period after the one it left in');
select throws_ok($$insert into public.clients (name, billing_anchor_day) values ('X', 32)$$,
  '23514', null, 'an anchor is a day of a month');

select * from finish();
rollback;
