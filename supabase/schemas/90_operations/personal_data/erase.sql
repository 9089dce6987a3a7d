-- Erases a client's people where they are, and keeps the books.

-- A row of the audit log without what says who somebody is.
create function _billing.without_people(table_name text, content jsonb)
returns jsonb language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case table_name
    when 'clients' then (select jsonb_object_agg(c.key, case
        when c.key in ('name', 'email', 'address', 'postal_address', 'tax_id', 'metadata')
          and c.value not in ('null', '[]', '{}') then '"[erased]"' else c.value end)
      from jsonb_each(content) c)
    when 'client_members' then content || '{"user_id": "[erased]"}'
    when 'member_invitations' then content - 'email' || '{"email": "[erased]"}'
    when 'agent_usage_logs' then jsonb_set(content, '{metadata}',
      _billing.counted_metadata(content -> 'metadata'), false)
    else content end;
$$;

-- The audit log still says what was changed, but no longer to whom it belonged. Each row that loses
-- something is on record with the hash of what is left.
create function _billing.erase_audit(client_id uuid, members uuid[])
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  with gone as (
    select a.id, g.actor, g.row_id, g.before, g.after
    from billing.audit_log a
    cross join lateral (
      select case when a.actor = any (members::text[]) then '[erased]' else a.actor end as actor,
        case when a.table_name = 'client_members' and a.row_id like erase_audit.client_id || '/%'
          then erase_audit.client_id || '/[erased]' else a.row_id end as row_id,
        case when a.before is not null then _billing.without_people(a.table_name, a.before) end
          as before,
        case when a.after is not null then _billing.without_people(a.table_name, a.after) end
          as after
    ) g
    where a.actor = any (members::text[])
      or a.table_name = 'clients' and a.row_id = erase_audit.client_id::text
      or a.table_name = 'client_members' and a.row_id like erase_audit.client_id || '/%'
      or a.table_name = 'member_invitations'
        and coalesce(a.after, a.before) ->> 'client_id' = erase_audit.client_id::text
      or a.table_name = 'agent_usage_logs'
        and a.row_id in (select l.id::text from _billing.logs_of_client(erase_audit.client_id) l)
  ), erased as (
    update billing.audit_log a
    set actor = g.actor, row_id = g.row_id, before = g.before, after = g.after
    from gone g
    where a.id = g.id and (a.actor, a.row_id, a.before, a.after)
      is distinct from (g.actor, g.row_id, g.before, g.after)
    returning a
  ), noted as (
    insert into billing.audit_erasures (audit_id, content_hash)
    select (e.a).id, _billing.audit_hash(e.a) from erased e
    on conflict (audit_id) do nothing
    returning 1
  )
  select count(*) from noted;
$$;

-- What has been or would be sent. Files and pay links in details are the books' own.
create function _billing.erase_deliveries(client_id uuid)
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  with erased as (
    update public.deliveries d
    set payload = '{}', details = d.details - '{to,payment_url}'::text[],
      last_error = case when d.state in ('dead', 'skipped', 'waiting', 'queued', 'running')
        then 'the client''s people were erased' end,
      state = case when d.state in ('waiting', 'queued', 'running') then 'skipped' else d.state end,
      -- Made of an address, which can be guessed and compared.
      dedupe_key = case d.event when 'invitation' then 'invitation:' || d.id else d.dedupe_key end,
      lease = null, finished_at = coalesce(d.finished_at, now())
    where d.client_id = erase_deliveries.client_id
      and (d.payload <> '{}' or d.details ?| '{to,payment_url}'
        or d.last_error <> 'the client''s people were erased'
        or d.state in ('waiting', 'queued', 'running'))
    returning 1
  )
  select count(*) from erased;
$$;

-- What other tables say in passing: reports of runs, stored answers, Stripe's events.
create function _billing.erase_copies(client public.clients)
returns bigint language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  name constant text := to_jsonb(client.name)::text;
  customers constant text[] := array(select s.stripe_customer_id from public.stripe_customers s
    where s.client_id = client.id);
  rows_changed bigint;
  erased bigint := 0;
begin
  update billing.monthly_runs r
  set summary = replace(r.summary::text, name, '"[erased]"')::jsonb
  where strpos(r.summary::text, name) > 0;
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  update billing.run_batches b set blocked = replace(b.blocked::text, name, '"[erased]"')::jsonb
  where strpos(b.blocked::text, name) > 0;
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  -- Within sentences; a name of a few letters would be found everywhere.
  update public.deliveries d
  set payload = replace(d.payload::text, btrim(name, '"'), '[erased]')::jsonb
  where d.client_id is null and length(client.name) > 3
    and strpos(d.payload::text, btrim(name, '"')) > 0;
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  delete from billing.idempotency_keys k where strpos(k.answer::text, client.id::text) > 0;
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  update billing.stripe_events e set payload = jsonb_build_object('id', e.id, 'type', e.type)
  where e.state <> 'pending' and exists (select from unnest(customers) c
    where strpos(e.payload::text, to_jsonb(c)::text) > 0);
  get diagnostics rows_changed = row_count;
  erased := erased + rows_changed;
  update public.stripe_invoices s set hosted_invoice_url = null, invoice_pdf = null
  from public.invoices i
  where i.id = s.invoice_id and i.client_id = client.id
    and num_nonnulls(s.hosted_invoice_url, s.invoice_pdf) > 0;
  get diagnostics rows_changed = row_count;
  return erased + rows_changed;
end $$;

-- Why a client's people are needed yet; null where they are not.
create function _billing.needed_people(client public.clients)
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select case
    when exists (select from billing.current_periods(now()) r where r.client_id = client.id)
      then 'it is served: end its service first'
    when exists (select from public.invoices i where i.client_id = client.id
        and i.status in ('draft', 'open')) then 'it has invoices that are drafts or not paid'
    when exists (select from public.billing_periods p where p.client_id = client.id
        and (p.usage_changed or p.state in ('pending', 'blocked')))
      then 'it has periods that are not billed' end;
$$;

create function billing.erase_personal_data(client_id uuid, reason text)
returns jsonb language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may ask for all of it, not write any of it.
declare
  client public.clients;
  known billing.erasures;
  needed text;
  members uuid[];
  counts jsonb;
begin
  perform billing.require_second_factor();
  perform _billing.require_reason('an erasure', 'reason', reason);
  perform _billing.lock_clients(array[erase_personal_data.client_id]);
  select * into client from public.clients c where c.id = erase_personal_data.client_id for update;
  if client.id is null then
    perform billing.raise_error('unknown_client',
      format('no client has the id %s', erase_personal_data.client_id));
  end if;
  select * into known from billing.erasures e where e.client_id = client.id;
  if known.client_id is not null then
    return known.summary;
  end if;
  needed := _billing.needed_people(client);
  if needed is not null then
    perform billing.raise_error('client_blocked',
      format('%s cannot be erased: %s', client.name, needed));
  end if;
  members := array(select m.user_id from public.client_members m where m.client_id = client.id);
  perform set_config('billing.erasing', 'on', true);
  delete from public.client_members m where m.client_id = client.id;
  delete from billing.member_invitations i where i.client_id = client.id;
  update public.clients c set name = 'Erased client ' || left(c.id::text, 8), email = null,
    address = '{}', postal_address = null, tax_id = null, metadata = '{}' where c.id = client.id;
  with noted as (
    update public.agent_usage_logs l set metadata = _billing.counted_metadata(l.metadata)
    from _billing.logs_of_client(client.id) x
    where x.id = l.id and l.metadata <> _billing.counted_metadata(l.metadata) returning 1
  )
  select jsonb_build_object('usage_logs', count(*)) into counts from noted;
  counts := counts || jsonb_build_object('members', cardinality(members),
    'deliveries', _billing.erase_deliveries(client.id), 'copies', _billing.erase_copies(client),
    'audit_log', _billing.erase_audit(client.id, members));
  perform set_config('billing.erasing', 'off', true);
  insert into billing.erasures as e (client_id, reason, summary)
  values (client.id, reason, _billing.erasure_summary(client.id, members, counts))
  returning e.* into known;
  return known.summary;
end $$;
comment on function billing.erase_personal_data is
  'Erases name, addresses, members and notes of a client that is not served any more and owes
   nothing; books stay. Returns what was erased, what is kept and why, and what is elsewhere. Done
   once: a second call returns what the first did.';
grant execute on function billing.erase_personal_data(uuid, text) to service_role;
