-- All personal data that there is of a client's people, in one answer.

create function billing.export_personal_data(client_id uuid)
returns jsonb language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
-- Definer: reads what callers are not granted one by one, such as members' addresses.
declare
  client public.clients;
begin
  select * into client from public.clients c where c.id = export_personal_data.client_id;
  if client.id is null then
    perform billing.raise_error('unknown_client',
      format('no client has the id %s', export_personal_data.client_id));
  end if;
  return jsonb_build_object(
    'client', to_jsonb(client),
    'members', (select coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id,
        'email', m.email, 'since', m.created_at) order by m.user_id, m.id), '[]')
      from billing.members_of(client.id) m),
    'invoices', (select coalesce(jsonb_agg(jsonb_build_object('id', i.id, 'number', i.number,
        'client', i.document -> 'client', 'note', i.note, 'void_reason', i.void_reason)
        order by i.issued_on, i.id), '[]')
      from public.invoices i where i.client_id = client.id and i.document is not null),
    'credit_notes', (select coalesce(jsonb_agg(jsonb_build_object('number', n.number,
        'client', n.document -> 'client', 'reason', n.reason) order by n.number), '[]')
      from public.credit_notes n where n.client_id = client.id),
    'payments', (select coalesce(jsonb_agg(jsonb_build_object('paid_at', p.paid_at,
        'method', p.method, 'reference', p.reference) order by p.paid_at, p.id), '[]')
      from public.payments p where p.client_id = client.id),
    'deliveries', (select coalesce(jsonb_agg(jsonb_build_object('kind', d.kind, 'event', d.event,
        'created_at', d.created_at, 'to', d.details -> 'to', 'payload', d.payload,
        'external_id', d.external_id) order by d.id), '[]')
      from public.deliveries d where d.client_id = client.id),
    'stripe', (select coalesce(jsonb_agg(jsonb_build_object(
        'stripe_customer_id', s.stripe_customer_id)), '[]')
      from public.stripe_customers s where s.client_id = client.id),
    'usage_metadata', (select coalesce(jsonb_agg(m.noted), '[]')
      from (select distinct l.metadata as noted from _billing.logs_of_client(client.id) x
        join public.agent_usage_logs l using (id)
        where l.metadata <> _billing.counted_metadata(l.metadata)
        limit 10000) m),
    'audit_log', (select coalesce(jsonb_agg(to_jsonb(a) order by a.id), '[]')
      from billing.audit_log a
      where a.table_name = 'clients' and a.row_id = client.id::text
        or a.table_name = 'client_members' and a.row_id like client.id || '/%'
        or a.table_name = 'member_invitations'
          and coalesce(a.after, a.before) ->> 'client_id' = client.id::text));
end $$;
comment on function billing.export_personal_data is
  'Personal data of a client''s people: names, what was sent to them, what agents noted of
   them (10,000 different notes at most) and what the audit log says of them.';
grant execute on function billing.export_personal_data(uuid) to service_role;
