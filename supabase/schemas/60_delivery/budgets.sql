-- Budgets of clients, and how much of them is used.

create table public.client_budgets (
  client_id uuid primary key references public.clients (id) on delete cascade,
  amount_minor bigint not null
    constraint client_budgets_positive check (amount_minor > 0),
  thresholds smallint[] not null default '{50,80,100}'
    constraint client_budgets_thresholds_percent check (
      thresholds <> '{}' and array_position(thresholds, null) is null
      and 0 < all (thresholds) and 1000 >= all (thresholds))
);
comment on table public.client_budgets is
  'What a client means to spend on usage per period; alerts are sent as it is used up.';
comment on column public.client_budgets.amount_minor is
  'Minor units of the currency that the client is billed in; usage before discount and tax.';
comment on column public.client_budgets.thresholds is 'Percent of the budget that are told of.';
alter table public.client_budgets enable row level security;
revoke all on public.client_budgets from anon, authenticated, service_role;
grant select, insert, update, delete on public.client_budgets to service_role;
grant select on public.client_budgets to authenticated;

create policy "members and operators read budgets" on public.client_budgets
  for select to authenticated
  using (client_id = any ((select billing.my_clients())::uuid[])
    or (select billing.is_operator()));

create function _billing.guard_budget() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.require_role(coalesce(new.client_id, old.client_id), 'billing');
  return coalesce(new, old);
end $$;
comment on function _billing.guard_budget is
  'Trigger: refuses users whose role at the client lets them set no budget.';
create trigger require_role before insert or update or delete on public.client_budgets
  for each row execute function _billing.guard_budget();

-- Members may set it, so it is on record as terms are.
create trigger audit_insert after insert on public.client_budgets
  referencing new table as new_rows
  for each statement execute function _billing.audit_insert();
create trigger audit_update after update on public.client_budgets
  referencing old table as old_rows new table as new_rows
  for each statement execute function _billing.audit_update();
create trigger audit_delete after delete on public.client_budgets
  referencing old table as old_rows
  for each statement execute function _billing.audit_delete();

-- Usage of the running period of clients with a budget, rated as the invoice will rate it.
create function billing.budget_use(as_of timestamptz default billing.as_of())
returns table (client_id uuid, client text, period_start date, currency text,
  spent_minor bigint, budget_minor bigint, thresholds smallint[])
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  -- Definer: callers may see what is spent; the rating that says so is not theirs to call.
  with running as (
    select r.client_id, greatest(r.next_start,
        billing.period_start_of(r.today, r.billing_anchor_day)) as period_start,
      billing.period_end_of(r.today, r.billing_anchor_day) as period_end
    from billing.current_periods(as_of) r
    join public.client_budgets b on b.client_id = r.client_id
  ), targets as (
    select coalesce(array_agg((r.client_id, r.period_start, r.period_end)::billing.rating_target),
      '{}') as list
    from running r where r.period_start < r.period_end
  ), spent as (
    select u.client_id, sum(u.amount_minor)::bigint as amount_minor
    from targets t cross join _billing.rate_usage(t.list) u group by u.client_id
  )
  select p.client_id, c.name, p.period_start, p.currency, coalesce(s.amount_minor, 0),
    b.amount_minor, b.thresholds
  from targets t cross join billing.period_terms(t.list) p
  join public.clients c on c.id = p.client_id
  join public.client_budgets b on b.client_id = p.client_id
  left join spent s on s.client_id = p.client_id;
$$;
comment on function billing.budget_use is
  'What clients with a budget have used of it in their running period.';
grant execute on function billing.budget_use(timestamptz) to service_role;
