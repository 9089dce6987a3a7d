-- Reading what Stripe sends, and telling of it.

-- The version of Stripe's API that all of this is written for, as in the functions.
create function _billing.stripe_api_version() returns text language sql immutable
return '2026-10-28.endive';

-- Tells operators of money: once per key.
create function _billing.notice(key text, priority text, message text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select billing.queue_operator_alert('stripe:' || key, priority, split_part(message, ':', 1),
    message);
$$;

-- Stripe's amounts in our minor units: the two are the same but for the Icelandic krona, which
-- Stripe counts in hundredths.
create function _billing.from_stripe(amount bigint, currency text) returns bigint
language sql immutable
return case when upper(currency) = 'ISK' then amount / 100 else amount end;

create function _billing.at_epoch(seconds text) returns timestamptz language sql immutable
return to_timestamp(seconds::numeric);

-- An id of ours in Stripe's metadata, where people write too; null where it is none.
create function _billing.own_id(value text) returns uuid language sql immutable
return case when value ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
  then value::uuid end;

-- Statuses of a Stripe invoice only move forward; an older one never overwrites a newer one.
create function _billing.stripe_rank(state text) returns integer language sql immutable
return coalesce(array_position(
  '{creating,held,refused,draft,open,uncollectible,deleted,paid,void}'::text[], state), 0);

-- All that was paid for an invoice of Stripe. Its documents leave open whether `amount_paid` has in
-- it what is beyond the amount due, and is credited to the customer's balance.
create function _billing.stripe_received(invoice jsonb) returns bigint
language sql immutable
return (invoice ->> 'amount_paid')::bigint + case
  when (invoice ->> 'amount_paid')::bigint > (invoice ->> 'amount_due')::bigint then 0
  else coalesce((invoice ->> 'amount_overpaid')::bigint, 0) end;
