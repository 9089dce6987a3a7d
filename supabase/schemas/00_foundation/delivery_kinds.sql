-- The kinds of delivery. A kind is a row here and a handler of the function `deliver`.

create table billing.delivery_kinds (
  kind text primary key constraint delivery_kinds_kind_shape check (kind ~ '^[a-z][a-z_]*$'),
  of_invoices boolean not null,
  of_credit_notes boolean not null,
  purpose text not null,
  constraint delivery_kinds_notes_follow_invoices check (of_invoices or not of_credit_notes)
);
comment on table billing.delivery_kinds is
  'What a delivery can be; `npm run types` writes the list for TypeScript.';
comment on column billing.delivery_kinds.of_invoices is
  'Whether `deliveries` of billing_config and of an invoice may name it.';
comment on column billing.delivery_kinds.of_credit_notes is
  'Whether a credit note is delivered so too, where its invoice was.';
revoke all on billing.delivery_kinds from public;
grant select on billing.delivery_kinds to service_role;
alter table billing.delivery_kinds enable row level security;

-- Refuses a list that names another kind, as a check constraint would: that cannot read a table.
create function _billing.check_delivery_list() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the writer need not be granted the list.
begin
  if new.deliveries is null or new.deliveries <@ array(
    select k.kind from billing.delivery_kinds k where k.of_invoices
  ) then
    return new;
  end if;
  raise exception using errcode = 'check_violation', table = tg_table_name,
    constraint = tg_table_name || '_deliveries_known',
    message = format('deliveries of %s name a kind that is not known', tg_table_name),
    hint = 'known are: ' || array_to_string(array(
      select k.kind from billing.delivery_kinds k where k.of_invoices order by k.kind), ', ');
end $$;
comment on function _billing.check_delivery_list is
  'Trigger: refuses `deliveries` with a kind that is not in billing.delivery_kinds.';
