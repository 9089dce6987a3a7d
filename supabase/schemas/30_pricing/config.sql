-- How a client is billed: one row per client and range of client-local days, and default rows
-- (client null). A client's null columns take the default's value.
create function billing.is_tax_list(taxes jsonb) returns boolean language sql immutable
return jsonb_typeof(taxes) = 'array' and not exists (
  select from jsonb_array_elements(taxes) t where not coalesce(
    jsonb_typeof(t) = 'object' and t ->> 'name' <> ''
    and t ->> 'rate_percent' ~ '^\d{1,3}(\.\d{1,6})?$'
    and t ->> 'behavior' in ('exclusive', 'inclusive', 'reverse_charge')
    and coalesce(jsonb_typeof(t -> 'applies_to'), 'null') in ('null', 'array'), false));
comment on function billing.is_tax_list is
  'Whether jsonb is a list of taxes as billing_config.taxes holds them.';
grant execute on function billing.is_tax_list(jsonb) to service_role;

create table public.billing_config (
  id uuid primary key default gen_random_uuid(),
  client_id uuid references public.clients (id) on delete cascade,
  effective_from date not null default '-infinity',
  effective_until date not null default 'infinity',
  currency text references public.currencies (code),
  minimum_minor bigint,
  discount_percent numeric(7, 4),
  discount_minor bigint,
  discount_until date,
  taxes jsonb,
  payment_terms_days smallint,
  line_grouping text,
  grace_hours integer,
  deliveries text[],
  created_at timestamptz not null default now(),
  constraint billing_config_forward check (effective_from < effective_until),
  constraint billing_config_one_at_a_time exclude using gist (
    coalesce(client_id, '00000000-0000-0000-0000-000000000000'::uuid) with =,
    daterange(effective_from, effective_until) with &&),
  constraint billing_config_default_complete check (client_id is not null
    or num_nulls(currency, minimum_minor, taxes, payment_terms_days, line_grouping, grace_hours,
      deliveries) = 0),
  constraint billing_config_minimum_not_negative check (minimum_minor >= 0),
  constraint billing_config_discount_percent_range check (discount_percent between 0 and 100),
  constraint billing_config_discount_not_negative check (discount_minor >= 0),
  constraint billing_config_one_discount check (
    discount_percent is null or discount_minor is null),
  constraint billing_config_taxes_shape check (billing.is_tax_list(taxes)),
  constraint billing_config_terms_range check (payment_terms_days between 0 and 365),
  constraint billing_config_line_grouping_known check (line_grouping in ('model', 'agent')),
  constraint billing_config_grace_range check (grace_hours between 0 and 744)
);
create trigger billing_config_deliveries before insert or update of deliveries
  on public.billing_config for each row execute function _billing.check_delivery_list();
comment on table public.billing_config is
  'Minimum, discount, tax, currency, terms, grouping, grace and deliveries per client and range.';
comment on column public.billing_config.client_id is 'Null: the default for all clients.';
comment on column public.billing_config.effective_until is 'First day it no longer holds.';
comment on column public.billing_config.minimum_minor is
  'Least usage charge per period, minor units of currency; prorated by days of service.';
comment on column public.billing_config.discount_minor is
  'Fixed discount per period, minor units; never more than the charges of the period.';
comment on column public.billing_config.discount_until is
  'First day without discount; decided by the last day of the period.';
comment on column public.billing_config.taxes is
  '[{name, rate_percent, behavior: exclusive|inclusive|reverse_charge, note, applies_to}];
   applies_to: metrics (or "minimum", "one_off") the tax holds for, null for all.';
comment on column public.billing_config.grace_hours is
  'Hours between the end of a period and the finalization of its invoice.';
create index billing_config_client_id on public.billing_config (client_id, effective_from);
create index billing_config_currency on public.billing_config (currency);
alter table public.billing_config enable row level security;
revoke all on public.billing_config from anon, authenticated, service_role;
grant select, insert, update, delete on public.billing_config to service_role;
grant select on public.billing_config to authenticated;

create policy "members and operators read billing config" on public.billing_config
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

create constraint trigger count_terms_change
  after insert or update or delete on public.billing_config
  deferrable initially deferred for each row
  execute function _billing.count_terms_change('client_id');
create trigger require_second_factor before insert or update or delete on public.billing_config
  for each statement execute function _billing.guard_by_second_factor();
create trigger refuse_truncate before truncate on public.billing_config
  for each statement execute function _billing.refuse_change();

-- What a client's own row (null where it has none) and the default's come to on a day. Money of the
-- default row holds only for clients billed in its currency: 50.00 USD is not 5000 JPY. Inlined.
create function billing.merged_config(own public.billing_config,
  fallback public.billing_config, day date)
returns table (currency text, minimum_minor bigint, discount_percent numeric,
  discount_minor bigint, taxes jsonb, payment_terms_days smallint, line_grouping text,
  grace_hours integer, deliveries text[])
language sql immutable
begin atomic
  select m.currency,
    coalesce(own.minimum_minor,
      case when fallback.currency = m.currency then fallback.minimum_minor else 0 end),
    case when m.discounted then coalesce(own.discount_percent, case
      when own.discount_minor is null and day < coalesce(fallback.discount_until, 'infinity')
      then fallback.discount_percent end) end,
    case when m.discounted then coalesce(own.discount_minor, case
      when own.discount_percent is null and fallback.currency = m.currency
        and day < coalesce(fallback.discount_until, 'infinity')
      then fallback.discount_minor end) end,
    coalesce(own.taxes, fallback.taxes),
    coalesce(own.payment_terms_days, fallback.payment_terms_days),
    coalesce(own.line_grouping, fallback.line_grouping),
    coalesce(own.grace_hours, fallback.grace_hours), coalesce(own.deliveries, fallback.deliveries)
  from (select coalesce(own.currency, fallback.currency) as currency,
    day < coalesce(own.discount_until, 'infinity') as discounted) m;
end;
comment on function billing.merged_config is
  'Config of a day: a client''s own row, with the default''s values where it has none.';
grant execute on function
  billing.merged_config(public.billing_config, public.billing_config, date) to service_role;

-- The config in force per client and day, defaults filled in.
create function billing.config_on(client_ids uuid[], days date[])
returns table (client_id uuid, day date, currency text, exponent smallint, minimum_minor bigint,
  discount_percent numeric, discount_minor bigint, taxes jsonb, payment_terms_days smallint,
  line_grouping text, grace_hours integer, deliveries text[])
language sql stable
begin atomic
  select k.client_id, k.day, cur.code, cur.exponent, m.minimum_minor, m.discount_percent,
    m.discount_minor, m.taxes, m.payment_terms_days, m.line_grouping, m.grace_hours, m.deliveries
  from unnest(client_ids, days) k(client_id, day)
  join public.billing_config d on d.client_id is null
    and d.effective_from <= k.day and k.day < d.effective_until
  left join public.billing_config c on c.client_id = k.client_id
    and c.effective_from <= k.day and k.day < c.effective_until
  cross join lateral billing.merged_config(c, d, k.day) m
  join public.currencies cur on cur.code = m.currency;
end;
comment on function billing.config_on is
  'Config in force for each client and day, with the default filled in.';
grant execute on function billing.config_on(uuid[], date[]) to service_role;
