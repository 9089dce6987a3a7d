-- The config of settled periods is frozen in what it charges; all else can be mended. ADR 26.

-- What of a config decides what is charged, as it is merged for a day; null without a default.
create function _billing.charging_config(own public.billing_config,
  fallback public.billing_config, day date)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select to_jsonb(m) - '{payment_terms_days,grace_hours,deliveries}'::text[]
  from billing.merged_config(own, fallback, day) m where (fallback).id is not null;
$$;
comment on function _billing.charging_config is
  'What of the config of a day decides what is charged.';

-- Settled periods that old_row becoming new_row would charge otherwise (the table has the new one
-- already); either is null where there is none. A period's config is that of its last day of
-- service.
create function _billing.altered_sections(old_row public.billing_config,
  new_row public.billing_config)
returns setof _billing.settled_section
language sql stable set search_path = pg_catalog, pg_temp as $$
  with settled as (
    select p.client_id, p.period_start, p.period_end,
      greatest(p.period_start, coalesce(s.ends_on, p.period_start) - 1) as day
    from public.billing_periods p
    cross join lateral (
      select max(least(s.ends_on, p.period_end)) as ends_on from public.service_intervals s
      where s.client_id = p.client_id
        and s.starts_on < p.period_end and s.ends_on > p.period_start
    ) s
    where p.settled_at is not null and (num_nulls((old_row).client_id, (new_row).client_id) > 0
      and ((old_row).id is null or (old_row).client_id is null)
      and ((new_row).id is null or (new_row).client_id is null)
      or p.client_id in ((old_row).client_id, (new_row).client_id))
  ), touched as (
    select s.*,
      (old_row).effective_from <= s.day and s.day < (old_row).effective_until as is_old,
      (new_row).effective_from <= s.day and s.day < (new_row).effective_until as is_new
    from settled s
  )
  select t.client_id, t.period_start, t.period_end
  from touched t
  left join public.billing_config o on o.client_id = t.client_id
    and o.id is distinct from (old_row).id and o.id is distinct from (new_row).id
    and o.effective_from <= t.day and t.day < o.effective_until
  left join public.billing_config f on f.client_id is null
    and f.id is distinct from (old_row).id and f.id is distinct from (new_row).id
    and f.effective_from <= t.day and t.day < f.effective_until
  where (t.is_old or t.is_new) and _billing.charging_config(
      case when t.is_old and (old_row).client_id = t.client_id then old_row else o end,
      case when t.is_old and (old_row).client_id is null then old_row else f end, t.day)
    is distinct from _billing.charging_config(
      case when t.is_new and (new_row).client_id = t.client_id then new_row else o end,
      case when t.is_new and (new_row).client_id is null then new_row else f end, t.day);
$$;
comment on function _billing.altered_sections is
  'Settled periods that a change of a config would charge otherwise.';

create function _billing.guard_config() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: editors of configs need not be able to call what this asks.
begin
  perform _billing.refuse_settled('this config', array(
    select s from _billing.altered_sections(case when tg_op <> 'INSERT' then old end,
      case when tg_op <> 'DELETE' then new end) s));
  return null;
end $$;

create trigger guard_config after insert or update or delete on public.billing_config
  for each row execute function _billing.guard_config();
create constraint trigger guard_config_at_commit
  after insert or update or delete on public.billing_config
  deferrable initially deferred for each row execute function _billing.guard_config();

-- A currency changes only where a period begins, so that no invoice meets two.
create function _billing.guard_currency_within_period() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  change record;
begin
  select c.name, c.billing_anchor_day, n.effective_from into change
  from public.billing_config o
  join public.billing_config n on n.client_id = o.client_id and n.effective_from = o.effective_until
  join public.clients c on c.id = o.client_id
  where o.client_id = new.client_id and new.id in (o.id, n.id)
    and n.effective_from <> billing.period_start_of(n.effective_from, c.billing_anchor_day)
    and coalesce(o.currency, '') <> coalesce(n.currency, '');
  if change.name is not null then
    perform billing.raise_error('currency_mismatch',
      format('the currency of %s would change within a period, on %s', change.name,
        change.effective_from),
      format('let the change start on day %s of a month', change.billing_anchor_day));
  end if;
  return null;
end $$;

create trigger guard_currency_on_insert after insert on public.billing_config
  for each row execute function _billing.guard_currency_within_period();
create trigger guard_currency_on_update
  after update of client_id, currency, effective_from, effective_until on public.billing_config
  for each row execute function _billing.guard_currency_within_period();
