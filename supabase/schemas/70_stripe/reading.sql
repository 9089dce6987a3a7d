-- Reading what Stripe sends, and telling of it.

-- Tells operators of money: once per key.
create function _billing.notice(key text, priority text, message text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  select billing.queue_notice('stripe:' || key, priority, split_part(message, ':', 1), message);
$$;

-- Stripe's amounts in our minor units: the two are the same but for the Icelandic krona, which
-- Stripe counts in hundredths.
create function _billing.from_stripe(amount bigint, currency text) returns bigint
language sql immutable
return case when upper(currency) = 'ISK' then amount / 100 else amount end;

create function _billing.at_epoch(seconds text) returns timestamptz language sql immutable
return to_timestamp(seconds::numeric);
