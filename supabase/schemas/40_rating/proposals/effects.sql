-- What a proposal would change for clients, by rating.

-- Charges of the open periods in which a model was used.
create function _billing.open_totals(of_model text)
returns table (client_id uuid, currency text, minor numeric)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.client_id, t.currency, sum(c.amount_minor)
  from (select array(
    select u from unnest(billing.unsettled_targets()) u
    where exists (select from public.usage_records r
      where r.client_id = u.client_id and r.model = any (_billing.model_and_aliases(of_model))
        and r.usage_day >= u.period_start and r.usage_day < u.period_end)) as targets) x
  cross join lateral _billing.rate_charges(x.targets) c
  join billing.period_terms(x.targets) t
    on t.client_id = c.client_id and t.period_start = c.section_start
  group by c.client_id, t.currency;
$$;
comment on function _billing.open_totals is
  'Charges of the open periods of each client that used a model, minor units.';

-- Rates the open periods as they are and with the proposal, and takes the proposal back.
create function _billing.proposal_effects(proposal public.price_proposals,
  first_day date default null, markup_percent numeric default 0)
returns jsonb language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  before constant jsonb := (
    select coalesce(jsonb_object_agg(o.client_id || o.currency, o.minor), '{}')
    from _billing.open_totals(proposal.model) o);
  effects jsonb := jsonb_build_array();
begin
  perform _billing.apply_proposal(proposal, first_day, markup_percent);
  select coalesce(jsonb_agg(jsonb_build_object('client_id', d.client_id, 'currency', d.currency,
    'minor', trim_scale(d.minor)::text) order by d.client_id), '[]') into effects
  from (select o.client_id, o.currency,
      o.minor - coalesce((before ->> (o.client_id || o.currency))::numeric, 0) as minor
    from _billing.open_totals(proposal.model) o) d
  where d.minor <> 0;
  raise exception using errcode = 'LB002', message = 'taken back';
exception
  when sqlstate 'LB002' then return effects;
  -- It cannot be accepted as it is: accepting it says why.
  when sqlstate 'PT409' then return jsonb_build_array();
end $$;
comment on function _billing.proposal_effects is
  'What a proposal would change on open periods: rated with and without it, and taken back.';

create function _billing.models_in_use(as_of timestamptz default billing.as_of())
returns table (model text) language sql stable set search_path = pg_catalog, pg_temp as $$
  select distinct r.model
  from unnest(billing.unsettled_targets(as_of)) t
  cross join lateral (
    select distinct u.model from public.usage_records u
    where u.client_id = t.client_id
      and u.usage_day >= t.period_start and u.usage_day < t.period_end
    offset 0
  ) r;
$$;
comment on function _billing.models_in_use is 'Models that were used in open periods.';

-- Once for all proposals of a statement: a sync may bring hundreds, of models that nobody uses.
create function _billing.note_effects() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a sync need not be able to call what this asks.
declare
  sells_by_list constant boolean := exists (
    select from public.prices p where p.pricing_model = 'cost_plus');
begin
  if exists (select from new_rows n where n.kind in ('new_model', 'alias') or sells_by_list) then
    update public.price_proposals p set effects = _billing.proposal_effects(p)
    from new_rows n
    where p.id = n.id
      and (n.kind in ('new_model', 'alias') or sells_by_list and n.kind <> 'deprecation')
      and _billing.model_and_aliases(n.model) && array(
        select m.model from _billing.models_in_use() m);
  end if;
  return null;
end $$;

create trigger note_effects after insert on public.price_proposals
  referencing new table as new_rows
  for each statement execute function _billing.note_effects();

-- Models of open periods that the catalogue does not know, have no price or provider, and whose ids
-- may be another way to write that of one which it does know.
create function _billing.unknown_but_like()
returns table (model text, alias_of text, how text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select q.model, r.model, r.how
  from (select distinct u.model from billing.quarantined_usage u
    where u.reason in ('unpriced_usage', 'unknown_provider')
      and u.model not in (select m.id from public.listed_models m)) q
  cross join lateral (select x.* from billing.resolve_model(q.model) x limit 1) r;
$$;
comment on function _billing.unknown_but_like is
  'Used models that nobody knows, and the known model that each may mean.';

-- Proposals for models that are used: without a price while their list price is known, by another
-- name than that which the catalogue has, or at the end of their life. Once each.
create function billing.propose_models(as_of timestamptz default billing.as_of())
returns bigint language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: nobody writes proposals but these functions.
declare
  proposed bigint;
begin
  insert into public.price_proposals (kind, model, alias_of, message, created_at)
  select x.kind, x.model, x.alias_of, x.message, as_of
  from (
    select 'new_model' as kind, u.model, null as alias_of, format(
      '%s has no price and blocks its clients; its list prices are %s', u.model,
      _billing.first_few(array_agg(format('%s for %s', billing.dollars_per(
          (u.list_price).amount * 1000000, 1000000), u.metric) order by u.metric))) as message
    from _billing.unpriced_but_listed() u group by u.model
    union all
    select 'alias', a.model, a.alias_of, format('%s is not known and blocks its clients; %s it '
      || 'would be %s', a.model, a.how, a.alias_of)
    from _billing.unknown_but_like() a
    union all
    select 'deprecation', m.id, null, format('%s is used, and its provider ends it on %s', m.id,
      m.deprecated_on)
    from public.listed_models m
    where m.deprecated_on <= (as_of at time zone 'UTC')::date + 30
      and m.id in (select u.model from _billing.models_in_use(as_of) u)
  ) x
  where not exists (select from public.price_proposals p
    where p.kind = x.kind and p.model = x.model
      and p.alias_of is not distinct from x.alias_of
      and (p.state in ('open', 'refused') or p.kind = 'deprecation'))
  on conflict do nothing;
  get diagnostics proposed = row_count;
  return proposed;
end $$;
comment on function billing.propose_models is
  'Makes a proposal for each used model without a price whose list price is known, for each that may
   be another name of a known one, and for each that ends within a month; returns how many.';
grant execute on function billing.propose_models(timestamptz) to service_role;
