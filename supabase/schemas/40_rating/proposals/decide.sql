-- Decisions on proposals.

create function _billing.open_proposal(proposal_id bigint, reason text)
returns public.price_proposals language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  proposal public.price_proposals;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('a decision', 'reason', reason, 1000);
  select p.* into proposal from public.price_proposals p where p.id = proposal_id for update;
  if proposal.id is null then
    perform billing.raise_error('unknown_proposal',
      format('no price proposal has the id %s', proposal_id));
  elsif proposal.state <> 'open' then
    perform billing.raise_error('illegal_transition', format('proposal %s is %s since %s',
      proposal.id, proposal.state, proposal.decided_at));
  end if;
  return proposal;
end $$;
comment on function _billing.open_proposal is 'A proposal that waits for a decision, locked.';

create function billing.accept_price_proposal(proposal_id bigint, reason text,
  first_day date default null, markup_percent numeric default 0)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: nobody writes the catalogue but these functions.
declare
  proposal public.price_proposals;
begin
  if markup_percent is null or markup_percent not between -100 and 1e6 then
    perform billing.raise_error('invalid_argument', 'markup_percent is from -100 to 1000000');
  end if;
  proposal := _billing.open_proposal(proposal_id, reason);
  perform _billing.apply_proposal(proposal, first_day, markup_percent);
  update public.price_proposals p set state = 'accepted', decided_at = billing.as_of(),
    decided_by = billing.actor(), reason = btrim(accept_price_proposal.reason)
  where p.id = proposal.id;
end $$;
comment on function billing.accept_price_proposal is
  'Puts a proposed list price in force, from the day that the source was fetched or another one on;
   or sells a new model at its list prices with a markup. Audited.';
grant execute on function billing.accept_price_proposal(bigint, text, date, numeric)
  to service_role;

create function billing.refuse_price_proposal(proposal_id bigint, reason text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  proposal public.price_proposals;
begin
  proposal := _billing.open_proposal(proposal_id, reason);
  update public.price_proposals p set state = 'refused', decided_at = billing.as_of(),
    decided_by = billing.actor(), reason = btrim(refuse_price_proposal.reason)
  where p.id = proposal.id;
end $$;
comment on function billing.refuse_price_proposal is
  'Leaves prices as they are; the same is not proposed again. Audited.';
grant execute on function billing.refuse_price_proposal(bigint, text) to service_role;
