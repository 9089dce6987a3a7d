-- Cards and bank mandates that clients have stored on a page of Stripe. Stripe keeps what was
-- stored and does not take it for invoices by itself: we make it the customer's default.

create table _billing.stripe_setups (
  setup_intent_id text primary key,
  livemode boolean not null,
  stripe_customer_id text not null,
  seen_at timestamptz not null,
  asked_at timestamptz,
  done_at timestamptz
);
comment on table _billing.stripe_setups is
  'Payment methods that were stored, and whether they have become their customer''s default.';
alter table _billing.stripe_setups enable row level security;
revoke all on _billing.stripe_setups from public;

create function _billing.note_setup(session jsonb, seen timestamptz) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if session ->> 'mode' is distinct from 'setup' or session ->> 'setup_intent' is null then
    return 'ignored: nothing was stored';
  elsif _billing.client_of_customer(session ->> 'customer') is null then
    return 'ignored: not a customer of ours';
  end if;
  insert into _billing.stripe_setups (setup_intent_id, livemode, stripe_customer_id, seen_at)
  values (session ->> 'setup_intent', (session ->> 'livemode')::boolean, session ->> 'customer',
    seen)
  on conflict on constraint stripe_setups_pkey do nothing;
  return 'payment method noted';
end $$;
comment on function _billing.note_setup is
  'Notes that a client has stored a payment method; another call makes it the default.';

-- In the order of storing. A bank account may have to be verified, which takes days: one that is
-- not ready is asked for once an hour, for thirty days.
create function _billing.open_setups(livemode boolean)
returns table (setup_intent_id text, stripe_customer_id text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select s.setup_intent_id, s.stripe_customer_id from _billing.stripe_setups s
  where s.livemode = open_setups.livemode and s.done_at is null
    and s.seen_at > now() - interval '30 days'
    and coalesce(s.asked_at < now() - interval '1 hour', true)
  order by s.seen_at, s.setup_intent_id;
$$;
comment on function _billing.open_setups is
  'Stored payment methods that are to become their customer''s default.';

create function _billing.save_setup(setup_intent_id text, is_done boolean) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update _billing.stripe_setups s set asked_at = now(),
    done_at = case when is_done then now() end
  where s.setup_intent_id = save_setup.setup_intent_id;
$$;
comment on function _billing.save_setup is
  'Notes that a stored payment method was asked for, and whether it is the default now.';
