-- Lines of a section that is credited in part: promotional credit stays on charges, which are
-- credited without what it takes off them. Of each metric, and of each grant as much as comes back
-- in all.
begin;
select plan(8);

create function pg_temp.kept(rest text, most numeric default 10000) returns text
language plpgsql as $$
begin
  drop table if exists pg_temp.credit_rest;
  -- A charge: metric, amount. A line of credit: metric, amount, grant.
  create temporary table credit_rest as
  select case when x.parts[3] is null then 'usage|' || x.place else _billing.promotional_key((
      '00000000-0000-4000-8000-00000000530' || x.parts[3])::uuid, x.parts[1], 'm', null) end
      as rating_key,
    case when x.parts[3] is null then 'usage' else 'promotional_credit' end as kind,
    x.parts[2]::numeric as amount_minor, case when x.parts[3] is null then x.parts[2]::numeric
      else 0 end as quantity, x.parts[2]::numeric / 100 as precise_amount,
    jsonb_populate_record(null::_billing.rated_line, jsonb_build_object('metric', x.parts[1],
      'model', 'm')) as line, x.place
  from (
    select regexp_split_to_array(t, ' ') as parts, place
    from regexp_split_to_table(rest, ', ') with ordinality r(t, place)
  ) x;
  perform _billing.keep_promotional_credit(most);
  return (select string_agg(concat_ws(' ', (r.line).metric, r.amount_minor,
      nullif(trim_scale(r.quantity), r.amount_minor)), ', ' order by r.place)
    from pg_temp.credit_rest r);
end $$;

select is(pg_temp.kept('pages 800, pages -300 1, reports 100'), 'pages 500, pages 0, reports 100',
  'of pages 3.00 less, with their credit; of others nothing');
select is(pg_temp.kept('pages 200, pages 100, pages -120 1, pages -100 2'),
  'pages 0, pages 80, pages 0, pages 0', 'several charges and grants, in order');
select is(pg_temp.kept('pages 800, pages -300 1, reports 200 1'),
  'pages 700, pages -200 0, reports 200 0',
  'credit that goes to reports meanwhile is not kept for pages');
select is(pg_temp.kept('pages 50, pages -80 1'), 'pages 0, pages -30 0',
  'no more than the charges');
select is(pg_temp.kept('pages 800, pages -300 1, reports 200, reports -100 1, reports -50 2', 310),
  'pages 500, pages 0, reports 190, reports -90 0, reports -50 0',
  'no more in all than is to be kept');
-- 5.00 are owed: 8.00 less 3.00 of credit. All lines go back in the share that there is room for.
create function pg_temp.fitted(room numeric) returns text language plpgsql as $$
begin
  perform pg_temp.kept('pages 800, pages -300 1', 0);
  perform _billing.fit_promotional_credit(500, room);
  return (select string_agg(r.amount_minor::text, ' ' order by r.place) from pg_temp.credit_rest r);
end $$;
select is(pg_temp.fitted(499), '800 -300', 'one cent short: the share of 0.01 stays by itself');
select is(pg_temp.fitted(400), '750 -250', '1.00 short: 0.50 stay, and a fifth of 2.50');
select is(pg_temp.fitted(200), '500 0', '3.00 short: all credit stays');

select * from finish();
rollback;
