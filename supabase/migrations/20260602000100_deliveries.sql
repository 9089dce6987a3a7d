-- Deliveries: what must reach the world outside, one durable row each. The row is the record; the
-- call that wakes the worker is only a nudge and may be lost.
alter table public.billing_settings
  add column operator_emails text[] not null default '{}',
  add column delivery_attempts integer not null default 10
    constraint billing_settings_attempts_range check (delivery_attempts between 1 and 50);
comment on column public.billing_settings.operator_emails is
  'Who gets run reports, alerts and notices of deliveries that gave up.';
comment on column public.billing_settings.delivery_attempts is
  'Tries of a delivery before it gives up; ten take about four and a half hours.';

create table public.deliveries (
  id bigint generated always as identity primary key,
  kind text not null,
  event text not null,
  dedupe_key text not null constraint deliveries_queued_once unique,
  client_id uuid references public.clients (id),
  invoice_id uuid references public.invoices (id),
  credit_note_id uuid references public.credit_notes (id),
  after_id bigint references public.deliveries (id),
  payload jsonb not null default '{}',
  state text not null default 'queued',
  due_at timestamptz not null default now(),
  lease uuid,
  attempts integer not null default 0,
  max_attempts integer not null default 10,
  external_id text,
  details jsonb not null default '{}',
  last_error text,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  constraint deliveries_kind_known check (kind in ('archive', 'stripe', 'email', 'hermes')),
  constraint deliveries_state_known check (
    state in ('waiting', 'queued', 'running', 'done', 'dead', 'skipped')),
  constraint deliveries_waits_for_one check (state <> 'waiting' or after_id is not null),
  constraint deliveries_leased_while_running check ((state = 'running') = (lease is not null)),
  constraint deliveries_finished_once_final check (
    (state in ('done', 'dead', 'skipped')) = (finished_at is not null)),
  constraint deliveries_says_why check (
    state not in ('dead', 'skipped') or last_error is not null)
);
comment on table public.deliveries is
  'Files, mails, Stripe invoices and notifications to be delivered, each once per dedupe_key.
   waiting (for after_id) -> queued -> running -> done | dead | skipped; dead can be requeued.';
comment on column public.deliveries.due_at is
  'When a worker may take it: next try while queued, end of the lease while running.';
comment on column public.deliveries.lease is
  'Token of the worker that has it; only its holder can finish it.';
comment on column public.deliveries.external_id is
  'What it became outside: path of the file, Stripe''s id, Message-ID, notification_id.';
comment on column public.deliveries.details is
  'archive: path, sha256, bytes; stripe: payment_url (the pay link that the mail carries).';
comment on column public.deliveries.last_error is 'Last failure, or why it was skipped.';
create index deliveries_to_do on public.deliveries (kind, due_at, id)
  where state in ('queued', 'running');
create index deliveries_after_id on public.deliveries (after_id);
create index deliveries_invoice_id on public.deliveries (invoice_id);
create index deliveries_credit_note_id on public.deliveries (credit_note_id);
create index deliveries_client_id on public.deliveries (client_id);
create index deliveries_dead on public.deliveries (finished_at) where state = 'dead';
alter table public.deliveries enable row level security;
revoke all on public.deliveries from anon, authenticated, service_role;
grant select on public.deliveries to authenticated, service_role;
create policy "operators read deliveries" on public.deliveries
  for select to authenticated using ((select billing.is_operator()));

insert into billing.error_codes (code, http_status, meaning) values
  ('unknown_delivery', 404, 'No delivery has this id.');

-- Takes up to so many due deliveries of each kind, so that no kind waits behind another, oldest
-- first, so that none is overtaken for ever. A running one whose lease is over belonged to a worker
-- that died: it is taken again, unless that was its last try. Counted here, in the statement that
-- takes it, so that a delivery which kills its workers ends too.
create function billing.claim_deliveries(kinds text[], per_kind integer,
  lease_seconds integer default 120, at timestamptz default clock_timestamp())
returns setof public.deliveries language plpgsql set search_path = '' as $$
begin
  perform billing.finish_delivery(d.id, d.lease, jsonb_build_object('kind', 'dead',
    'error', coalesce(d.last_error || '; ', '') || 'its worker died on the last try'), at)
  from public.deliveries d
  where d.kind = any (kinds) and d.state = 'running' and d.due_at <= at
    and d.attempts >= d.max_attempts;
  return query
  -- Materialized: joined as a nested loop the choice would be made anew, and more be taken, for
  -- each row that it is compared with.
  with taken as materialized (
    select c.id from unnest(kinds) k(kind) cross join lateral (
      select q.id from public.deliveries q
      where q.kind = k.kind and q.state in ('queued', 'running') and q.due_at <= at
      order by q.due_at, q.id limit per_kind
      for update skip locked
    ) c
  )
  update public.deliveries d
  set state = 'running', lease = gen_random_uuid(), attempts = d.attempts + 1,
    due_at = at + make_interval(secs => lease_seconds)
  from taken t where d.id = t.id
  returning d.*;
end $$;
comment on function billing.claim_deliveries is
  'Leases due deliveries of these kinds to the caller and counts the try.';

-- Seconds until the next try: 30 s doubled per try up to two hours, of which half to all.
create function billing.retry_delay(attempts integer, share double precision)
returns interval language sql immutable
return make_interval(secs => least(30 * 2 ^ least(attempts - 1, 20), 7200) * (0.5 + share / 2));

-- Writes the outcome of a leased delivery and lets those go that wait for it. Returns the new
-- state; null when the lease has passed to another worker, whose outcome counts.
create function billing.finish_delivery(delivery_id bigint, lease uuid, outcome jsonb,
  at timestamptz default clock_timestamp())
returns text language plpgsql set search_path = '' as $$
declare
  job public.deliveries;
begin
  select * into job from public.deliveries d
  where d.id = delivery_id and d.lease = finish_delivery.lease for update;
  if job.id is null then
    return null;
  end if;
  job.state := case outcome ->> 'kind'
    when 'retry' then case when job.attempts < job.max_attempts then 'queued' else 'dead' end
    else outcome ->> 'kind' end;
  update public.deliveries d
  set state = job.state, lease = null,
    due_at = case when job.state = 'queued' then at + greatest(
      make_interval(secs => coalesce((outcome ->> 'retryAfterSeconds')::double precision, 0)),
      billing.retry_delay(job.attempts, random())) else d.due_at end,
    external_id = coalesce(outcome ->> 'externalId', d.external_id),
    details = d.details || coalesce(outcome -> 'details', '{}'),
    last_error = case when job.state = 'done' then null
      else left(coalesce(outcome ->> 'error', d.last_error), 2000) end,
    finished_at = case when job.state <> 'queued' then at end
  where d.id = job.id;
  if job.state <> 'queued' then
    perform billing.release_deliveries(array[job.id], at);
  end if;
  if job.state = 'dead' then
    perform billing.report_dead_delivery(job.id);
  end if;
  return job.state;
end $$;
comment on function billing.finish_delivery is
  'Records {kind: done|retry|dead|skipped, error, retryAfterSeconds, externalId, details}.';

create function billing.release_deliveries(finished bigint[], at timestamptz)
returns void language sql set search_path = '' as $$
  update public.deliveries d set state = 'queued', due_at = at
  where d.after_id = any (finished) and d.state = 'waiting';
$$;

-- For a kind that is switched off where the worker runs: its deliveries say so and hold nobody up.
create function billing.skip_deliveries(kind text, reason text,
  at timestamptz default clock_timestamp())
returns integer language plpgsql set search_path = '' as $$
declare
  skipped bigint[];
begin
  with gone as (
    update public.deliveries d set state = 'skipped', last_error = reason, finished_at = at
    where d.kind = skip_deliveries.kind and d.state = 'queued'
    returning d.id
  )
  select array_agg(id) into skipped from gone;
  perform billing.release_deliveries(skipped, at);
  return coalesce(cardinality(skipped), 0);
end $$;
comment on function billing.skip_deliveries is 'Marks queued deliveries of a kind as skipped.';

create function billing.requeue_delivery(delivery_id bigint,
  at timestamptz default clock_timestamp())
returns void language plpgsql security definer set search_path = '' as $$
-- Definer: callers may ask for another try, only these functions write deliveries.
begin
  update public.deliveries d
  set state = 'queued', attempts = 0, due_at = at, finished_at = null
  where d.id = delivery_id and d.state in ('dead', 'skipped');
  if not found then
    perform billing.raise_error('unknown_delivery',
      format('no delivery %s has given up or been skipped', delivery_id));
  end if;
end $$;
comment on function billing.requeue_delivery is 'Tries a dead or skipped delivery again.';

create function billing.requeue_deliveries(kind text default null, states text[] default '{dead}',
  at timestamptz default clock_timestamp())
returns bigint language sql security definer set search_path = '' as $$
  with again as (
    update public.deliveries d
    set state = 'queued', attempts = 0, due_at = at, finished_at = null
    where d.state = any (states) and d.state in ('dead', 'skipped')
      and (requeue_deliveries.kind is null or d.kind = requeue_deliveries.kind)
    returning 1
  )
  select count(*) from again;
$$;
comment on function billing.requeue_deliveries is
  'Tries all dead (or skipped) deliveries again, or those of one kind; returns how many.';

revoke all on all functions in schema billing from public;
grant execute on function billing.requeue_delivery(bigint, timestamptz),
  billing.requeue_deliveries(text, text[], timestamptz) to service_role;
