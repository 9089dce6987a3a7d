-- List prices that settled periods were charged by are frozen (ADR 26).

-- Settled periods that were charged, or could be, by a list price that changes from a day on. A
-- period that waits for a price of this usage may get its first.
create function _billing.relisted_sections(list_price public.list_prices)
returns setof _billing.settled_section
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  with touched as (
    select array[m] || case when m = 'output_tokens'
        then array['reasoning_tokens'] else '{}' end as metrics,
      datemultirange(daterange((list_price).effective_from, 'infinity')) as days
    from (select (list_price).metric as m) x
  )
  select distinct u.client_id, u.period_start, u.period_end
  from touched t
  cross join lateral _billing.settled_usage(null, (list_price).model, t.metrics, array['USD'],
    t.days) u
  where exists (
    select from public.prices p
    where p.pricing_model = 'cost_plus' and p.cost_basis <> 'logged_cost'
      and (p.client_id is null or p.client_id = u.client_id)
      and u.metric = p.metric
      and p.scope in ('any', 'model:' || u.model, 'family:' || (
        select m.family from public.models m where m.id = u.model))
      and daterange(p.effective_from, p.effective_until) && daterange(u.period_start, u.period_end))
    and t.days * case when u.is_open then u.charged
      else datemultirange(daterange(u.period_start, u.period_end)) end <> '{}';
$$;
comment on function _billing.relisted_sections is
  'Settled periods that a list price from its first day on could charge otherwise.';

create function _billing.guard_settled_list_price() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a sync need not be able to call what this asks.
begin
  -- The first price of a model, as a sync brings thousands: nothing was charged by another.
  if new.effective_from = '-infinity'
    and not exists (select from billing.unbilled_metrics n where n.metric = new.metric)
    and not exists (select from public.list_prices l
      where l.model = new.model and l.sync_id <> new.sync_id) then
    return null;
  end if;
  perform _billing.refuse_settled('this list price', array(
    select s from _billing.relisted_sections(new) s));
  return null;
end $$;

-- At once, and at the commit after count_terms_change has waited for runs (ADR 20).
create trigger guard_settled after insert on public.list_prices
  for each row execute function _billing.guard_settled_list_price();
create constraint trigger guard_settled_at_commit after insert on public.list_prices
  deferrable initially deferred for each row
  execute function _billing.guard_settled_list_price();
