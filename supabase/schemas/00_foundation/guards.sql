-- Refusals that tables of every room use in constraints and triggers.

-- For CHECK constraints: `check (n >= 0 or billing.refuse_negative('n', n))` costs nothing while
-- n is fine and names column and value when it is not. Declared immutable because CHECK wants it.
create function billing.refuse_negative(column_name text, value numeric)
returns boolean language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PT400', detail = 'negative_quantity',
    message = format('%s is %s; it cannot be below zero', column_name, value),
    hint = 'send the count as 0 or more; to take usage back, an operator calls billing.correct_log';
end $$;
comment on function billing.refuse_negative is
  'Always raises negative_quantity (400), naming column and value; for CHECK constraints.';
grant execute on function billing.refuse_negative(text, numeric) to service_role;

-- Likewise for NaN, which numeric columns take and which makes a NaN of every sum it gets into. The
-- value is taken so that the planner cannot work out, and thereby raise, the refusal beforehand.
create function billing.refuse_nan(column_name text, value numeric)
returns boolean language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'PT400', detail = 'invalid_argument',
    message = format('%s is %s, not a number', column_name, value), hint = 'send the amount, or 0';
end $$;
comment on function billing.refuse_nan is
  'Always raises invalid_argument (400), naming the column; for CHECK constraints.';
grant execute on function billing.refuse_nan(text, numeric) to service_role;

create function _billing.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('append_only',
    format('%s is append-only: %s refused', tg_table_name, lower(tg_op)),
    'store a new row that corrects the old one');
  return null;
end $$;
