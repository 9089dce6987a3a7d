-- What a draft may come to before a person must release it: per currency, and per client where one
-- client differs.
create table public.hold_limits (
  id bigint generated always as identity primary key,
  client_id uuid references public.clients (id) on delete cascade,
  currency text not null references public.currencies (code),
  ceiling_minor bigint constraint hold_limits_ceiling_positive check (ceiling_minor > 0),
  factor numeric default 10
    -- Bounded above, because NaN is greater than every number.
    constraint hold_limits_factor_in_range check (factor > 1 and factor <= 1000000),
  floor_minor bigint not null default 0
    constraint hold_limits_floor_not_negative check (floor_minor >= 0),
  constraint hold_limits_one_each unique nulls not distinct (client_id, currency)
);
comment on table public.hold_limits is
  'Totals above which drafts are held until they are released. A client''s own row replaces that of
   the currency; a currency without a row has no limit.';
comment on column public.hold_limits.client_id is 'Null: all clients billed in the currency.';
comment on column public.hold_limits.ceiling_minor is
  'A draft above this is held, minor units of the currency; null: no ceiling.';
comment on column public.hold_limits.factor is
  'A draft above this many times the client''s usual invoice is held; null: not compared.';
comment on column public.hold_limits.floor_minor is
  'The factor holds no draft of this total or less, minor units of the currency.';
create index hold_limits_currency on public.hold_limits (currency);
create trigger require_second_factor before insert or update or delete on public.hold_limits
  for each statement execute function _billing.guard_by_second_factor();
alter table public.hold_limits enable row level security;
revoke all on public.hold_limits from anon, authenticated, service_role;
grant select, insert, update, delete on public.hold_limits to service_role;
grant select on public.hold_limits to authenticated;

create policy "operators read hold limits" on public.hold_limits
  for select to authenticated using ((select billing.is_operator()));
