-- The prices of what settled periods were charged for are frozen; all else can be mended. ADR 26.
--
-- A period was charged for models and metrics (settled_usage). On each of its days these keep the
-- price they had. Days without a price may get one: that is how usage without a price is released.

create type _billing.price_key as (owner uuid, model text, metric text, rate_class text,
  currency text, old_family text, new_family text);
comment on type _billing.price_key is
  'What has a price; owner: a client with prices of its own, null for all others. The family of the
   model as it was and as it is to be.';

-- Days that have another price for a key than they had: `changed`; `unpriced` had none. old_price
-- becomes new_price (the table has the new one already); either is null where there is none.
create function _billing.repriced_days(key _billing.price_key, old_price public.prices,
  new_price public.prices)
returns table (changed datemultirange, unpriced datemultirange)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with other as materialized (
    select coalesce(array_agg(p), '{}') as prices
    from unnest(_billing.prices_of((key).owner, (key).metric, (key).currency)) p
    where p.id <> all (array_remove(array[(old_price).id, (new_price).id], null))
  ), before as materialized (
    select d.* from other o cross join lateral _billing.price_days(o.prices || array(
        select old_price where (old_price).currency = (key).currency),
      (key).owner, (key).model, (key).old_family, (key).metric, (key).rate_class) d
  ), after as materialized (
    -- With other terms it is another price.
    select case when d.price_id = (new_price).id and not coalesce(
        to_jsonb(old_price) - '{effective_from,effective_until,created_at}'::text[]
        = to_jsonb(new_price) - '{effective_from,effective_until,created_at}'::text[], false)
      then '00000000-0000-0000-0000-000000000000' else d.price_id end as price_id, d.days
    from other o cross join lateral _billing.price_days(o.prices || array(
        select new_price where (new_price).currency = (key).currency),
      (key).owner, (key).model, (key).new_family, (key).metric, (key).rate_class) d
  )
  select coalesce((
      select range_agg(r.days) from before b full join after a on a.price_id = b.price_id
      cross join lateral (
        select coalesce(b.days, '{}') + coalesce(a.days, '{}')
          - coalesce(b.days, '{}') * coalesce(a.days, '{}') as both_days) x
      cross join lateral unnest(x.both_days) r(days)), '{}'),
    '{(,)}'::datemultirange - coalesce((
      select range_agg(r.days) from before b cross join lateral unnest(b.days) r(days)), '{}');
$$;
comment on function _billing.repriced_days is
  'Days on which a model and metric would have another price than before.';

-- Settled periods that were charged for usage (asked as of settled_usage) that would be priced
-- otherwise, by another price or by another family of its model: `families`, old and new.
create function _billing.repriced_sections(client_id uuid, model text, metrics text[],
  currencies text[], days datemultirange, old_price public.prices, new_price public.prices,
  families text[] default null)
returns setof _billing.settled_section
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  with used as materialized (
    -- Clients without prices of their own are priced alike: asked once.
    select u.*, (case when u.client_id in ((old_price).client_id, (new_price).client_id)
          or exists (select from public.prices p where p.client_id = u.client_id)
        then u.client_id end, u.model, u.metric, u.rate_class, u.currency,
      case when families is null then m.family else families[1] end,
      case when families is null then m.family else families[2] end)::_billing.price_key as key
    from _billing.settled_usage(repriced_sections.client_id, repriced_sections.model, metrics,
      currencies, days) u
    left join public.models m on m.id = u.model
  ), repriced as materialized (
    select k.key, r.changed, case when exists (
        select from billing.unbilled_metrics n where n.metric = (k.key).metric)
      then '{}' else r.unpriced end as unpriced
    from (select distinct u.key from used u
      where families is not null
        or _billing.price_rank(old_price, u.client_id, u.model, (u.key).old_family, u.metric,
          u.rate_class) >= 0
        or _billing.price_rank(new_price, u.client_id, u.model, (u.key).new_family, u.metric,
          u.rate_class) >= 0
    ) k
    cross join lateral _billing.repriced_days(k.key, old_price, new_price) r
  )
  select distinct u.client_id, u.period_start, u.period_end
  from used u join repriced r on r.key = u.key
  where r.changed * datemultirange(daterange(u.period_start, u.period_end))
    - case when u.is_open then r.unpriced - u.charged else '{}' end <> '{}';
$$;
comment on function _billing.repriced_sections is
  'Settled periods that a change of a price or of a model''s family would price otherwise.';

create function _billing.guard_price() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: editors of prices need not be able to call what this asks.
declare
  old_price constant public.prices := case when tg_op <> 'INSERT' then old end;
  new_price constant public.prices := case when tg_op <> 'DELETE' then new end;
  metrics constant text[] := array_remove(array[(old_price).metric, (new_price).metric], null);
  days constant datemultirange :=
    case when tg_op <> 'INSERT'
      then datemultirange(daterange(old.effective_from, old.effective_until)) else '{}' end
    + case when tg_op <> 'DELETE'
      then datemultirange(daterange(new.effective_from, new.effective_until)) else '{}' end;
begin
  perform _billing.refuse_settled('this price', array(
    select s from _billing.repriced_sections(
      case when tg_op <> 'UPDATE' or old.client_id = new.client_id
        then coalesce((new_price).client_id, (old_price).client_id) end,
      null, metrics,
      array_remove(array[(old_price).currency, (new_price).currency], null), days, old_price,
      new_price) s));
  return null;
end $$;

create trigger guard_price after insert or update or delete on public.prices
  for each row execute function _billing.guard_price();
create constraint trigger guard_price_at_commit after insert or update or delete on public.prices
  deferrable initially deferred for each row execute function _billing.guard_price();

create function _billing.guard_model_family() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  old_id constant text := case when tg_op <> 'INSERT' then old.id end;
  new_id constant text := case when tg_op <> 'DELETE' then new.id end;
begin
  perform _billing.refuse_settled('this family of a model', array(
    select s from (values (old_id), (new_id)) m(id)
    cross join lateral _billing.repriced_sections(null, m.id, null, null, '{(,)}', null, null,
      array[case when m.id = old_id then old.family end,
        case when m.id = new_id then new.family end]) s
    where m.id is not null));
  return null;
end $$;

create trigger guard_family after insert or delete on public.models
  for each row execute function _billing.guard_model_family();
create trigger guard_family_on_change after update on public.models
  for each row when ((old.id, old.family) is distinct from (new.id, new.family))
  execute function _billing.guard_model_family();
create constraint trigger guard_family_at_commit after insert or update or delete on public.models
  deferrable initially deferred for each row execute function _billing.guard_model_family();
