-- What somebody has to decide about list prices.
create table public.price_proposals (
  id bigint generated always as identity primary key,
  kind text not null
    constraint price_proposals_kind_known check (
      kind in ('changed_price', 'disagreement', 'new_model', 'alias', 'deprecation')),
  model text not null,
  metric text,
  rate_class text,
  above_tokens bigint,
  old_amount numeric,
  new_amount numeric,
  source_field text,
  source_text text,
  sync_id bigint references public.price_syncs (id),
  agreed_sync_id bigint references public.price_syncs (id),
  alias_of text references public.listed_models (id),
  message text not null,
  effects jsonb not null default '[]',
  state text not null default 'open'
    constraint price_proposals_state_known check (
      state in ('open', 'accepted', 'refused', 'superseded')),
  created_at timestamptz not null default now(),
  decided_at timestamptz,
  decided_by text,
  reason text,
  constraint price_proposals_decided_whole check (case state
    when 'open' then num_nonnulls(decided_at, decided_by, reason) = 0
    when 'superseded' then decided_at is not null
    else num_nulls(decided_at, decided_by, reason) = 0 end)
);
comment on table public.price_proposals is
  'Changes of list prices and new models, until somebody accepts or refuses them. A refused
   change is not proposed again.';
comment on column public.price_proposals.old_amount is
  'The list price in force, USD for one unit; null: none.';
comment on column public.price_proposals.effects is
  '[{client_id, currency, minor}]: what open periods would come to more, by rating them both ways.';
comment on column public.price_proposals.agreed_sync_id is
  'Another source that says exactly the same.';
comment on column public.price_proposals.alias_of is
  'Of kind alias: the known model that this id may mean.';
create unique index price_proposals_open on public.price_proposals (
  kind, model, coalesce(metric, ''), coalesce(rate_class, '')) where state = 'open';
create index price_proposals_sync_id on public.price_proposals (sync_id);
create index price_proposals_agreed_sync_id on public.price_proposals (agreed_sync_id);
create index price_proposals_alias_of on public.price_proposals (alias_of);
alter table public.price_proposals enable row level security;
revoke all on public.price_proposals from anon, authenticated, service_role;
grant select on public.price_proposals to authenticated, service_role;

create policy "operators read price proposals" on public.price_proposals
  for select to authenticated using ((select billing.is_operator()));

create trigger refuse_truncate before truncate on public.price_proposals
  for each statement execute function _billing.refuse_change();
