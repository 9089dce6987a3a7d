-- Prices and rate classes: how far the price of one class stands for usage of another.

-- A call beyond the second threshold of long context is beyond the first, too: what stands for a
-- class beyond two or three thresholds where nothing is said of it, the nearest first.
create function billing.shorter_classes(wanted text)
returns text[] language sql immutable parallel safe
return case
  when wanted like '%long\_context\_2' then array[
    replace(wanted, 'long_context_2', 'long_context'), 'long_context']
  when wanted like '%long\_context\_3' then array[
    replace(wanted, 'long_context_3', 'long_context_2'), 'long_context_2',
    replace(wanted, 'long_context_3', 'long_context'), 'long_context'] end;
comment on function billing.shorter_classes is
  'Classes of fewer thresholds of long context that stand for a class; null where it has one.';
grant execute on function billing.shorter_classes(text) to service_role;

-- How far down a price of `rate_class` comes for usage of class `wanted`: 0 its own, then the parts
-- of a class that combines others, in their order, then fewer thresholds, last the standard price.
-- Null: not at all.
create function billing.class_distance(rate_class text, wanted text)
returns integer language sql immutable parallel safe
return case when rate_class = wanted then 0
  when rate_class = 'standard' then 9
  else coalesce(array_position(string_to_array(wanted, '+'), rate_class),
    3 + array_position(billing.shorter_classes(wanted), rate_class)) end;
comment on function billing.class_distance is
  'How far from usage of a class the price of a class is, 0 to 9; null where it does not hold.';

-- What price_candidates calls, it calls as its caller.
grant execute on function billing.class_distance(text, text) to service_role;

-- A class as far as a price tells thresholds apart: long_context for long_context_2 where neither
-- its class nor its factors name the second.
create function billing.told_class(wanted text, named text)
returns text language sql immutable parallel safe
return case
  when wanted not like '%long\_context\__' or strpos(named, right(wanted, 14)) > 0 then wanted
  when wanted like '%3' and strpos(named, 'long_context_2') > 0
    then replace(wanted, 'long_context_3', 'long_context_2')
  else left(wanted, -2) end;
comment on function billing.told_class is
  'A class, with no more thresholds of long context than something names.';
grant execute on function billing.told_class(text, text) to service_role;

-- The factor on a price of `rate_class` for usage of class `wanted`: the one that it names for it,
-- else those of the parts that the price is not for, multiplied.
create function billing.told_multiplier(multipliers jsonb, rate_class text, wanted text)
returns numeric language sql immutable parallel safe
return case when rate_class = wanted then 1
  when multipliers = '{}' then 1
  when multipliers ? wanted then (multipliers ->> wanted)::numeric
  else (
    with parts as (
      select row_number() over (order by p.n) as n,
        coalesce((multipliers ->> p.part)::numeric, 1) as factor
      from unnest(string_to_array(wanted, '+')) with ordinality p(part, n)
      where p.part <> rate_class)
    select coalesce((select factor from parts where n = 1), 1)
      * coalesce((select factor from parts where n = 2), 1)
      * coalesce((select factor from parts where n = 3), 1)) end;
comment on function billing.told_multiplier is
  'What a price of one class is multiplied by for usage of another, of told thresholds.';
grant execute on function billing.told_multiplier(jsonb, text, text) to service_role;

create function billing.class_multiplier(multipliers jsonb, rate_class text, wanted text)
returns numeric language sql immutable parallel safe
return case when multipliers = '{}' then 1 else billing.told_multiplier(multipliers, rate_class,
  billing.told_class(wanted, concat(rate_class, ' ', multipliers))) end;
comment on function billing.class_multiplier is
  'What a price of one class is multiplied by for usage of another.';
grant execute on function billing.class_multiplier(jsonb, text, text) to service_role;

-- A factor of a class that does not exist would never be taken.
create function _billing.check_price_classes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  unknown constant text := (select string_agg(k, ', ' order by k)
    from jsonb_object_keys(new.class_multipliers) k
    where not exists (select from billing.rate_classes c where c.id = k and c.id <> 'standard'));
begin
  if unknown is not null then
    perform billing.raise_error('invalid_argument',
      format('class_multipliers names unknown rate classes: %s', unknown),
      'the classes are ' || (select string_agg(c.id, ', ' order by c.code)
        from billing.rate_classes c where c.id <> 'standard'));
  end if;
  return null;
end $$;
comment on function _billing.check_price_classes is
  'Refuses multipliers of unknown classes.';

create trigger check_price_classes after insert or update of class_multipliers
  on public.prices for each row execute function _billing.check_price_classes();
