-- An invoice that charged more of what is given back than is owed in all: what has become dearer is
-- set off on it. It charged reports; searches were charged by another, pages by none yet.
begin;
select plan(9);

create function pg_temp.take(pages numeric, tax numeric) returns numeric language plpgsql as $$
begin
  drop table if exists pg_temp.credit_rest, pg_temp.credit_take;
  create temporary table credit_rest as select * from (values
    ('reports', true, 300::numeric, 3::numeric, 3::numeric, 0::numeric),
    ('searches', true, 100, 100, 1, 0), ('pages', true, pages, pages / 20, pages / 100, 0),
    ('tax|1', false, tax, 0, tax / 100, tax * 5))
    r(rating_key, is_charge, amount_minor, quantity, precise_amount, tax_base_minor);
  create temporary table credit_take as
  select r.rating_key, true as counts, r.is_charge, r.amount_minor as rest_minor,
    case when t.own then r.amount_minor else 0 end as amount_minor,
    case when t.own then r.quantity else 0 end as quantity,
    case when t.own then r.precise_amount else 0 end as precise_amount,
    case when t.own then r.tax_base_minor else 0 end as tax_base_minor, 300 + tax as net_minor
  from credit_rest r cross join lateral (
    select r.rating_key in ('reports', 'tax|1') as own) t;
  return _billing.set_off_dearer((400 + pages + tax)::bigint);
end $$;

-- Pages of 2.00: reports 3.00 less pages 2.00, with half of the tax of 0.40; 1.20 are left.
select is(pg_temp.take(-200, 40), 120::numeric, 'charges of another invoice are still owed');
select results_eq('select rating_key,
    amount_minor, quantity, tax_base_minor from credit_take order by 1',
  $$values ('pages', -200::numeric, -10::numeric, 0::numeric), ('reports', 300, 3, 0),
    ('searches', 0, 0, 0), ('tax|1', 20, 0, 100)$$, 'all that is dearer is set off');
-- Pages of 3.20: 0.96 are owed with tax; reports 3.00 less pages 2.20, and all of the tax of 0.16.
select is(pg_temp.take(-320, 16), 96::numeric, 'all that is owed is credited here');
select results_eq('select rating_key,
    amount_minor, quantity, precise_amount from credit_take order by 1',
  $$values ('pages', -220::numeric, -11::numeric, -2.2), ('reports', 300, 3, 3),
    ('searches', 0, 0, 0), ('tax|1', 16, 0, 0.16)$$, 'with as much of what is dearer');
-- As much of what is dearer as leaves what is owed after what the invoice has undone: of searches
-- 0.20 more are charged here than before, and 2.00 of pages are set off.
select is(pg_temp.take(-320, 16), 96::numeric, 'the same again');
update pg_temp.credit_take set amount_minor = case rating_key when 'searches' then -20
  when 'pages' then 0 else amount_minor end;
select is(_billing.set_off_dearer(96), 96::numeric,
  'nothing that is undone already is set off again');
select is(pg_temp.take(-200, 40), 120::numeric, 'all of pages');
update pg_temp.credit_take set amount_minor = case rating_key when 'pages' then -20
  when 'tax|1' then 40 else amount_minor end;
select is(_billing.set_off_dearer(240), 120::numeric,
  'the undone part of a dearer line counts once: half of the tax as well');
select is(pg_temp.take(0, 0), 300::numeric, 'where nothing is dearer, nothing is set off');

select * from finish();
rollback;
