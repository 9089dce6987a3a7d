-- Addresses in parts, for those that want them apart (Stripe's page, its tax forms).

-- line1, line2, city, state, postal_code, and the country by its two letters.
create function billing.is_postal_address(address jsonb) returns boolean
language sql immutable strict
return jsonb_typeof(address) = 'object' and coalesce(address ->> 'country' ~ '^[A-Z]{2}$', false)
  and address - '{line1,line2,city,state,postal_code,country}'::text[] = '{}'
  and not exists (
    select from jsonb_each(case jsonb_typeof(address) when 'object' then address end) part
    where coalesce(jsonb_typeof(part.value) <> 'string'
      or part.value #>> '{}' !~ '^[^[:cntrl:]]{1,200}$' or btrim(part.value #>> '{}') = '', true));
comment on function billing.is_postal_address is
  'Whether jsonb is an address in parts as clients.postal_address holds them.';
grant execute on function billing.is_postal_address(jsonb) to service_role;

-- The parts of an address of Stripe; null where they are not enough.
create function _billing.postal_address_of(address jsonb) returns jsonb language sql immutable
return (
  select case when billing.is_postal_address(x.parts) then x.parts end
  from (select jsonb_object_agg(p.key, btrim(p.value #>> '{}')) as parts
    from jsonb_each(case jsonb_typeof(address) when 'object' then address end) p
    where btrim(coalesce(p.value #>> '{}', '')) <> '') x);
comment on function _billing.postal_address_of is
  'An address of Stripe as clients.postal_address holds it; null where it has no country.';

-- Parts as the lines of a label; we send the lines of an address without parts in line1 and line2.
create function _billing.address_lines(address jsonb) returns text[]
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(btrim(l.line) order by l.place), '{}')
  from (values
    (1, address ->> 'line1'), (2, address ->> 'line2'),
    (3, concat_ws(' ', nullif(address ->> 'postal_code', ''), nullif(address ->> 'city', ''))),
    (4, address ->> 'state'), (5, address ->> 'country')) v(place, text)
  cross join lateral regexp_split_to_table(v.text, '\n') with ordinality s(line, part)
  cross join lateral (select s.line, v.place * 100 + s.part as place) l
  where btrim(coalesce(l.line, '')) <> '';
$$;

-- The parts and the lines of one address never say two things: where one alone is changed, parts
-- make the lines, and lines end the parts.
create function _billing.keep_address() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the services that write clients may call nothing of _billing.
begin
  if tg_op = 'INSERT' then
    if new.address = '{}' and new.postal_address is not null then
      new.address := _billing.address_lines(new.postal_address);
    end if;
  elsif new.postal_address is distinct from old.postal_address then
    if new.address = old.address and new.postal_address is not null then
      new.address := _billing.address_lines(new.postal_address);
    end if;
  elsif new.address <> old.address then
    new.postal_address := null;
  end if;
  return new;
end $$;
