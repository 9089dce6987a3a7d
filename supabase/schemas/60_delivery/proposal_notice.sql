-- What operators are told of proposals: one message of all that are open.

create function _billing.proposal_notice()
returns table (names text, message text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select md5(string_agg(p.id::text, ',' order by p.id)),
    format('%s to be decided: %s. Decide on each: select billing.accept_price_proposal(id, '
      || '''why'') or billing.refuse_price_proposal(id, ''why'').',
      case when count(*) = 1 then 'A price proposal is' else count(*) || ' price proposals are' end,
      _billing.first_few(array_agg(format('%s: %s%s', p.id, p.message,
        case when p.effects <> '[]' then format(' (changes open periods of %s)',
          case jsonb_array_length(p.effects) when 1 then 'a client'
            else jsonb_array_length(p.effects) || ' clients' end) else '' end)
        order by p.id), 10, '; '))
  from public.price_proposals p where p.state = 'open' having count(*) > 0;
$$;
comment on function _billing.proposal_notice is 'One message of all open price proposals.';
