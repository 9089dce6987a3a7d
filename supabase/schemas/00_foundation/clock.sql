-- The one place that reads the clock. `set local billing.as_of = '2026-07-01'` lives another day.
create function billing.as_of() returns timestamptz language sql stable
return coalesce(nullif(current_setting('billing.as_of', true), '')::timestamptz, now());
comment on function billing.as_of is
  'Now, or the instant that setting billing.as_of holds (tests, replays).';
grant execute on function billing.as_of() to service_role;
