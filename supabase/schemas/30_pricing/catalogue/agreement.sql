-- Sources that say the same, exactly.

-- Open proposals of other sources that a source now says too.
create function _billing.agreeing_proposals(given _billing.given_price[], source text)
returns setof bigint language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.id
  from unnest(given) g
  join public.price_proposals p on p.model = g.model and p.metric = g.metric
    and p.rate_class = g.rate_class and p.new_amount = g.amount
  join public.price_syncs s on s.id = p.sync_id
  where p.state = 'open' and p.kind in ('changed_price', 'disagreement')
    and p.agreed_sync_id is null and s.source <> agreeing_proposals.source;
$$;
comment on function _billing.agreeing_proposals is
  'Open proposals of other sources whose amount a source says, too.';

-- Proposals that a source has agreed on and now says something else of.
create function _billing.withdraw_agreement(given _billing.given_price[], source text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.price_proposals p set agreed_sync_id = null
  from unnest(given) g
  where p.state = 'open' and p.model = g.model and p.metric = g.metric
    and p.rate_class = g.rate_class and p.new_amount <> g.amount
    and p.agreed_sync_id in (
      select s.id from public.price_syncs s where s.source = withdraw_agreement.source);
$$;
comment on function _billing.withdraw_agreement is
  'Takes back what a source has agreed on and no longer says.';
