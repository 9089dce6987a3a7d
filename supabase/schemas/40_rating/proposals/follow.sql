-- List prices that follow their sources: where two say exactly the same, and nothing changes that a
-- list sells which waits for decisions.

-- Somebody is sold a metric of a model by its list price, on a list that does not follow: then a
-- change waits for a decision. Reasoning is sold at the list price of output where it has none.
create function _billing.sells_by_decision(model text, metric text, first_day date)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from public.prices p
    where p.pricing_model = 'cost_plus' and p.cost_basis <> 'logged_cost'
      and p.effective_until > first_day
      and (p.metric = sells_by_decision.metric
        or p.metric = 'reasoning_tokens' and sells_by_decision.metric = 'output_tokens')
      and p.scope in ('any', 'model:' || sells_by_decision.model, 'family:' || (
        select m.family from public.models m where m.id = sells_by_decision.model))
      and not exists (select from public.price_policies o
        where o.client_id is not distinct from p.client_id and o.policy = 'follow'));
$$;
comment on function _billing.sells_by_decision is
  'Whether a change of a list price would change what a list that does not follow sells.';

-- Why a proposal needs nobody, null where it does. A majority is no agreement: while the source of
-- the price in force stands by it, two others do not overrule it.
create function _billing.reason_to_follow(proposal public.price_proposals, first_day date)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('%s and %s say exactly the same', a.source, b.source)
  from public.price_syncs a
  join public.price_syncs b on b.id = (proposal).agreed_sync_id and b.source <> a.source
  where a.id = (proposal).sync_id and (proposal).kind in ('changed_price', 'disagreement')
    and not exists (
      select from unnest(_billing.model_and_aliases((proposal).model)) m
      where _billing.sells_by_decision(m, (proposal).metric, first_day))
    and not exists (
      select from public.list_prices l join public.price_syncs s on s.id = l.sync_id
      where l.model = (proposal).model and l.metric = (proposal).metric
        and l.rate_class = (proposal).rate_class and l.effective_until = 'infinity'
        and s.source not in (a.source, b.source));
$$;
comment on function _billing.reason_to_follow is
  'Why a proposal is accepted by policy: two sources agree. Null: somebody has to decide.';

create function _billing.follow_agreement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: a sync need not be able to call what this asks.
declare
  first_day constant date := _billing.first_day_of(new);
  why constant text := _billing.reason_to_follow(new, first_day);
begin
  if why is not null then
    perform _billing.apply_list_price(new, first_day);
    update public.price_proposals p set state = 'accepted', decided_at = billing.as_of(),
      decided_by = 'policy', reason = why
    where p.id = new.id;
  end if;
  return null;
exception
  -- What is settled by then: it stays open, and accepting it says why.
  when sqlstate 'PT409' then return null;
end $$;

create trigger follow_agreement after update of agreed_sync_id on public.price_proposals
  for each row when (new.state = 'open' and new.agreed_sync_id is not null)
  execute function _billing.follow_agreement();
