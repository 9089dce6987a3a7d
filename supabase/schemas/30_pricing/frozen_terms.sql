-- Prices and config that have been in force stay as they were; only what is still to come can be
-- changed, and what is in force can be ended from today on. A new row may reach into the past
-- (that is how unpriced usage is released) unless it would change what has been invoiced.

create function _billing.guard_terms() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  -- Terms hold for client-local days: the latest today on earth is that of UTC+14.
  today constant date := (billing.as_of() at time zone 'UTC' + interval '14 hours')::date;
  ending_only boolean;
begin
  if tg_op = 'DELETE' then
    if old.effective_from <= today then
      perform billing.raise_error('past_is_frozen',
        format('a row of %s in force since %s cannot be deleted', tg_table_name,
          old.effective_from),
        format('end it instead: set effective_until to %s or later', today + 1));
    end if;
    return old;
  end if;
  -- Generated columns (prices.scope) are not computed yet in a before trigger.
  ending_only := to_jsonb(new) - '{effective_until,scope}'::text[]
    = to_jsonb(old) - '{effective_until,scope}'::text[];
  if old.effective_from <= today and not (
    ending_only and new.effective_until > today and old.effective_until > today) then
    perform billing.raise_error('past_is_frozen',
      format('a row of %s in force since %s cannot be changed', tg_table_name,
        old.effective_from),
      format('end it (effective_until %s or later) and add a new row from that day',
        today + 1));
  end if;
  if new.effective_from <= today and old.effective_from > today then
    perform billing.raise_error('past_is_frozen',
      format('%s cannot be moved into the past', tg_table_name), 'add a row instead');
  end if;
  return new;
end $$;

create trigger guard_terms before update or delete on public.prices
  for each row execute function _billing.guard_terms();
create trigger guard_terms before update or delete on public.billing_config
  for each row execute function _billing.guard_terms();
