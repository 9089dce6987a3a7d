-- Currencies and the one way from a precise amount to money that is charged.
create table public.currencies (
  code text primary key constraint currencies_code_shape check (code ~ '^[A-Z]{3}$'),
  exponent smallint not null constraint currencies_exponent_known check (exponent in (0, 2, 3)),
  name text not null
);
comment on table public.currencies is
  'ISO 4217 currencies; exponent is the digits of the minor unit.';
alter table public.currencies enable row level security;
revoke all on public.currencies from anon, authenticated, service_role;
grant select on public.currencies to authenticated, service_role;

create policy "anyone signed in reads currencies" on public.currencies
  for select to authenticated using (true);

-- Rounds once, half away from zero (that is what round(numeric) does). Amounts come in major
-- units (1.005 USD) and leave as a whole number of minor units, still numeric so that an absurd
-- amount can be reported instead of overflowing.
create function _billing.to_minor(amount numeric, exponent smallint)
returns numeric language sql immutable
return round(amount * case exponent when 0 then 1 when 2 then 100 when 3 then 1000 end);
comment on function _billing.to_minor is
  'Precise amount in major units to minor units; the one rounding, half away from zero.';

-- 1234567, 2 -> '12345.67'; for messages and statements, never for arithmetic.
create function _billing.format_minor(amount_minor numeric, exponent smallint)
returns text language sql immutable
return case exponent
  when 0 then trunc(amount_minor)::text
  when 2 then (amount_minor / 100)::numeric(40, 2)::text
  when 3 then (amount_minor / 1000)::numeric(40, 3)::text
end;

create function billing.money_text(amount_minor bigint, currency text)
returns text language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: callers read reports, whose amounts are formatted by what is not theirs to call.
  select _billing.format_minor(amount_minor, c.exponent) || ' ' || c.code
  from public.currencies c where c.code = currency;
$$;
comment on function billing.money_text is '12345, USD -> 123.45 USD.';
grant execute on function billing.money_text(bigint, text) to service_role;
