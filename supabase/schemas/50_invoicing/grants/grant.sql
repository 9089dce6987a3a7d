-- Granting credit.

-- The grant that this reference names already; null where there is none. Another one under the same
-- reference is refused.
create function _billing.granted_before(client_id uuid, amount_minor bigint, kind text,
  reference text)
returns uuid language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  known public.credit_grants;
begin
  select * into known from public.credit_grants g
  where g.reference = granted_before.reference;
  if (known.client_id, known.amount_minor, known.kind)
      is distinct from (client_id, amount_minor, kind) and known.id is not null then
    perform billing.raise_error('illegal_transition',
      format('%L is the reference of another grant, of %s', reference, known.amount_minor),
      'give each grant a reference of its own');
  end if;
  return known.id;
end $$;
comment on function _billing.granted_before is
  'The grant of a reference; refuses one of another client, kind or amount.';

-- Credit from the beginning of a local day of the client (or at once) until the beginning of
-- another one (or for ever). Granted once for each reference.
create function billing.grant_credit(client_id uuid, amount_minor bigint,
  kind text default 'paid', currency text default null, effective_on date default null,
  expires_on date default null, priority integer default 50, metrics text[] default null,
  models text[] default null, agents text[] default null, cost_minor bigint default null,
  method text default 'manual', reference text default null, note text default null,
  as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask, only these functions may write the books.
declare
  made public.credit_grants;
  problem text;
begin
  perform billing.require_second_factor();
  perform _billing.check_text('method', method, 50, true);
  perform _billing.check_text('reference', reference, 200, true);
  perform _billing.check_text('note', note, 500);
  perform _billing.lock_clients(array[grant_credit.client_id]);
  made.id := _billing.granted_before(client_id, amount_minor, kind, reference);
  if made.id is not null then
    return made.id;
  end if;
  if not exists (select from public.clients c where c.id = grant_credit.client_id) then
    perform billing.raise_error('unknown_client', format('no client has id %s', client_id));
  end if;
  made.effective_at := coalesce(_billing.day_start(client_id, effective_on), as_of);
  made.expires_at := _billing.day_start(client_id, expires_on);
  made.cost_minor := case when kind = 'paid' then coalesce(cost_minor, amount_minor)
    else coalesce(cost_minor, 0) end;
  problem := case
    when coalesce(kind, '') not in ('paid', 'refund', 'promotional')
      then 'kind is paid, refund or promotional'
    when coalesce(amount_minor, 0) not between 1 and 1e15 then 'the amount is not above zero'
    when coalesce(priority, -1) not between 0 and 100 then 'the priority is from 0 to 100'
    when made.cost_minor not between 0 and amount_minor or kind <> 'paid' and made.cost_minor > 0
      then 'the price paid is between 0 and the amount, and 0 where nothing was paid'
    when made.expires_at <= greatest(made.effective_at, as_of)
      then 'it would expire before it can be used'
    when 0 in (cardinality(metrics), cardinality(models), cardinality(agents))
      then 'a scope that is given names something'
  end;
  if problem is not null then
    perform billing.raise_error('invalid_argument', problem);
  end if;
  made.currency := coalesce(grant_credit.currency, (select t.currency from billing.config_on(
    array[grant_credit.client_id], array[billing.day_of(grant_credit.client_id, as_of)]) t));
  insert into public.credit_grants (client_id, kind, currency, amount_minor, cost_minor, priority,
    granted_at, effective_at, expires_at, metrics, models, agents, method, reference, note)
  values (grant_credit.client_id, grant_credit.kind, made.currency, grant_credit.amount_minor,
    made.cost_minor, grant_credit.priority, as_of, made.effective_at, made.expires_at,
    grant_credit.metrics, grant_credit.models, grant_credit.agents,
    case when grant_credit.kind = 'paid' then grant_credit.method end, grant_credit.reference,
    grant_credit.note)
  on conflict on constraint credit_grants_reference_key do nothing
  returning * into made;
  if made.id is null then
    -- Meanwhile it was granted to another client, whose lock is another one: that is refused here.
    return _billing.granted_before(client_id, amount_minor, kind, reference);
  end if;
  perform _billing.move_credit(array[(made.id, 'grant', made.amount_minor, made.effective_at,
    null, null, null)::_billing.credit_movement]);
  return made.id;
end $$;
comment on function billing.grant_credit is
  'Grants credit to a client, once for each reference; its expiry is booked with it.';
grant execute on function billing.grant_credit(uuid, bigint, text, text, date, date, integer,
  text[], text[], text[], bigint, text, text, text, timestamptz) to service_role;

-- What is left of a grant moves to a new one with another expiry, also when it has expired.
create function billing.roll_over_credit(grant_id uuid, expires_on date default null,
  as_of timestamptz default now())
returns uuid language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
declare
  old public.credit_grants;
  made public.credit_grants;
  rest bigint;
  -- What moves, out of the old one and into the new one.
  moves _billing.credit_movement[];
begin
  perform billing.require_second_factor();
  perform _billing.lock_clients(array(select g.client_id from public.credit_grants g
    where g.id = roll_over_credit.grant_id));
  select * into old from public.credit_grants g where g.id = roll_over_credit.grant_id;
  if old.id is null then
    perform billing.raise_error('unknown_grant', format('no grant of credit has id %s', grant_id));
  end if;
  if old.kind = 'promotional' then
    perform billing.raise_error('illegal_transition',
      format('grant %s is promotional and cannot roll over', old.id), 'grant new credit');
  end if;
  select l.left_minor into rest
  from _billing.left_of_grants(array[old.client_id], as_of) l
  where l.grant_id = old.id;
  made.expires_at := _billing.day_start(old.client_id, expires_on);
  if rest = 0 or made.expires_at <= greatest(as_of, old.effective_at) then
    perform billing.raise_error('illegal_transition', format(
      'grant %s cannot roll over: %s', old.id,
      case when rest = 0 then 'nothing is left of it' else 'it would have expired' end));
  end if;
  moves := array[(old.id, 'rollover', -rest, greatest(as_of, old.effective_at), null, null,
    null)::_billing.credit_movement];
  made.tax_minor := coalesce((select -t.tax_minor from _billing.tax_of_movements(moves) t), 0);
  insert into public.credit_grants (client_id, kind, currency, amount_minor, cost_minor, priority,
    granted_at, effective_at, expires_at, metrics, models, agents, continues_id, tax_minor,
    tax_invoice_id)
  values (old.client_id, 'rollover', old.currency, rest,
    round(old.cost_minor::numeric * rest / old.amount_minor), old.priority, as_of,
    greatest(as_of, old.effective_at), made.expires_at, old.metrics, old.models, old.agents,
    old.id, made.tax_minor, case when made.tax_minor > 0 then old.tax_invoice_id end)
  returning * into made;
  perform _billing.move_credit(moves || (made.id, 'grant', rest, made.effective_at, null, null,
    null)::_billing.credit_movement);
  -- Expired credit whose payment has gone back was not taken: it had been used.
  if old.expires_at <= as_of then
    perform _billing.take_returned_back(array[
      (made.id, 'grant', rest, made.effective_at, null, null, null)::_billing.credit_movement]);
  end if;
  return made.id;
end $$;
comment on function billing.roll_over_credit is
  'Moves what is left of a grant to a new one with another expiry; returns the new one.';
grant execute on function billing.roll_over_credit(uuid, date, timestamptz) to service_role;
