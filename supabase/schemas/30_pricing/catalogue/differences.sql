-- Where a source says something else than the catalogue: proposals.

-- Prices of known models that are not those in force, and have not been refused.
create function _billing.differing_prices(given _billing.given_price[], source text)
returns table (price _billing.given_price, old_amount numeric, kind text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select g, l.amount, case when s.source <> differing_prices.source then 'disagreement'
      else 'changed_price' end,
    format('%s: %s of %s (%s) is %s USD%s', differing_prices.source, g.metric, g.model,
      g.rate_class, trim_scale(g.amount), coalesce(format(', in the catalogue %s USD by %s',
      trim_scale(l.amount), s.source), ', not in the catalogue so far'))
  from unnest(given) g
  join public.listed_models m on m.id = g.model
  left join public.list_prices l on l.model = g.model and l.metric = g.metric
    and l.rate_class = g.rate_class and l.effective_until = 'infinity'
  left join public.price_syncs s on s.id = l.sync_id
  where l.amount is distinct from g.amount and not exists (
    select from public.price_proposals p
    where p.model = g.model and p.metric = g.metric and p.rate_class = g.rate_class
      and p.new_amount = g.amount and p.state in ('open', 'refused'));
$$;
comment on function _billing.differing_prices is
  'Given prices of known models that are neither in force nor decided on.';

-- Makes proposals of what differs. A source's newest statement replaces its earlier one, also where
-- it is again what is in force.
create function _billing.supersede_proposals(given _billing.given_price[], source text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  with ended as (
    update public.price_proposals p set state = 'superseded', decided_at = billing.as_of()
    from unnest(given) g
    where p.state = 'open' and p.model = g.model and p.metric = g.metric
      and p.rate_class = g.rate_class and p.new_amount <> g.amount
      and p.sync_id in (
        select s.id from public.price_syncs s where s.source = supersede_proposals.source)
    returning p.agreed_sync_id
  )
  -- A source that agreed still says so: it is compared again, though it has not changed.
  update billing.price_source_states t set compared_to = null
  where t.source in (
    select s.source from public.price_syncs s join ended e on e.agreed_sync_id = s.id);
$$;
comment on function _billing.supersede_proposals is
  'Ends open proposals of a source that says something else now.';

create function _billing.propose_prices(given _billing.given_price[], source text, sync bigint)
returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  proposed integer;
begin
  insert into public.price_proposals (kind, model, metric, rate_class, above_tokens, old_amount,
    new_amount, source_field, source_text, sync_id, message)
  select d.kind, (d.price).model, (d.price).metric, (d.price).rate_class, (d.price).above_tokens,
    d.old_amount, (d.price).amount, (d.price).source_field, (d.price).source_text, sync, d.message
  from _billing.differing_prices(given, source) d
  on conflict do nothing;
  get diagnostics proposed = row_count;
  return proposed;
end $$;
comment on function _billing.propose_prices is
  'Makes a proposal of each given price that differs; returns how many.';
