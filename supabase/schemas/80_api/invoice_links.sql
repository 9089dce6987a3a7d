-- Links that open one invoice without signing in. Of a link its hash alone is kept: reading the
-- table opens nothing.

create table billing.invoice_links (
  id uuid primary key default gen_random_uuid(),
  token_hash bytea not null constraint invoice_links_hash_length check (length(token_hash) = 32),
  invoice_id uuid not null references public.invoices (id) on delete cascade,
  created_at timestamptz not null default now(),
  created_by text not null default billing.actor(),
  expires_at timestamptz not null,
  constraint invoice_links_token unique (token_hash),
  constraint invoice_links_end_later check (expires_at > created_at)
);
comment on table billing.invoice_links is
  'Links that open an invoice without signing in, until they expire or are ended.';
comment on column billing.invoice_links.token_hash is 'SHA-256 of the token; it is told once.';
create index invoice_links_invoice_id on billing.invoice_links (invoice_id);
alter table billing.invoice_links enable row level security;
revoke all on billing.invoice_links from public;
grant select on billing.invoice_links to service_role;

-- The audit log says who made and ended a link, of which invoice and until when. The hash of the
-- token is left out: it is what the link is found by.
create function _billing.audit_invoice_links() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: audit_log is written by nobody but such triggers.
begin
  if tg_op = 'INSERT' then
    insert into billing.audit_log (table_name, row_id, operation, after)
    select tg_table_name, n.id, 'insert', to_jsonb(n) - 'token_hash' from new_rows n;
  else
    insert into billing.audit_log (table_name, row_id, operation, before)
    select tg_table_name, o.id, 'delete', to_jsonb(o) - 'token_hash' from old_rows o;
  end if;
  return null;
end $$;
comment on function _billing.audit_invoice_links is
  'Trigger: notes in the audit log that links were made or ended.';

create trigger audit_insert after insert on billing.invoice_links
  referencing new table as new_rows
  for each statement execute function _billing.audit_invoice_links();
create trigger audit_delete after delete on billing.invoice_links
  referencing old table as old_rows
  for each statement execute function _billing.audit_invoice_links();

create function billing.create_invoice_link(invoice_id uuid, days integer default 30)
returns table (token text, expires_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: nobody writes the table but these functions.
declare
  invoice public.invoices;
begin
  perform billing.require_second_factor();
  if days is null or days not between 1 and 366 then
    perform billing.raise_error('invalid_argument', 'a link is good for 1 to 366 days');
  end if;
  invoice := _billing.get_invoice(create_invoice_link.invoice_id);
  if invoice.status = 'draft' then
    perform billing.raise_error('illegal_transition', 'a draft is not shown to anybody',
      'finalize it first');
  end if;
  -- Two random UUIDs have 244 random bits.
  token := encode(sha256(concat(gen_random_uuid(), gen_random_uuid())::bytea), 'hex');
  expires_at := now() + make_interval(days => days);
  insert into billing.invoice_links (token_hash, invoice_id, expires_at)
  values (sha256(token::bytea), invoice.id, create_invoice_link.expires_at);
  return next;
end $$;
comment on function billing.create_invoice_link is
  'Makes a link that opens an issued invoice for so many days; its token is told once.';
grant execute on function billing.create_invoice_link(uuid, integer) to service_role;

create function billing.end_invoice_links(invoice_id uuid) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: as above.
  with gone as (
    delete from billing.invoice_links l
    where l.invoice_id = end_invoice_links.invoice_id returning 1
  )
  select count(*) from gone;
$$;
comment on function billing.end_invoice_links is
  'Ends the links of an invoice at once; returns how many there were.';
grant execute on function billing.end_invoice_links(uuid) to service_role;

create function billing.invoice_of_link(token text) returns uuid
language sql stable set search_path = pg_catalog, pg_temp
return (
  select l.invoice_id from billing.invoice_links l
  where l.token_hash = sha256(convert_to(token, 'UTF8')) and l.expires_at > now());
comment on function billing.invoice_of_link is 'The invoice that a link opens now, or null.';
grant execute on function billing.invoice_of_link(text) to service_role;
