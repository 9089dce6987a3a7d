-- What keeps a period from being billed, and how rating tells.

-- What rating knows of a section that may keep it from being billed: a row per section with what it
-- comes to (metric null), and one per model, metric and class that has no price.
-- `has_items`: one-off items are among the lines.
create type _billing.rating_finding as (client_id uuid, period_start date, model text, metric text,
  rate_class text, quantity numeric, total numeric, largest numeric, has_items boolean);

create type _billing.blocked_target as (client_id uuid, period_start date, reason text,
  message text);

create function _billing.rating_summary(rating _billing.rated_line[])
returns setof _billing.rating_finding language sql immutable
set search_path = pg_catalog, pg_temp as $$
  select l.client_id, l.section_start, l.model, l.metric, l.rate_class, l.quantity,
    null::numeric, null::numeric,
    null::boolean
  from unnest(rating) l where l.kind = 'unpriced'
  union all
  select l.client_id, l.section_start, null, null, null, null,
    sum(l.amount_minor) filter (where l.tax_behavior is null or l.tax_behavior = 'exclusive'),
    sum(abs(l.amount_minor)), bool_or(l.kind = 'one_off')
  from unnest(rating) l where l.kind <> 'unpriced'
  group by l.client_id, l.section_start;
$$;
comment on function _billing.rating_summary is
  'What each rated section comes to, and its usage without a price.';

-- Why targets cannot be billed, given what rating has found. Each is visible with its reason and
-- stops nobody else.
create function _billing.blocking_reasons(targets billing.rating_target[],
  findings _billing.rating_finding[])
returns setof _billing.blocked_target language sql stable
set search_path = pg_catalog, pg_temp as $$
  with terms as materialized (
    select * from billing.period_terms(targets)
  )
  select u.client_id, u.period_start, 'unpriced_usage', format(
    'no price for %s in %s: %s', _billing.first_few(array_agg(format('%s of model %s (%s units)',
      _billing.named_usage(u.metric, u.rate_class), u.model, trim_scale(u.quantity))
      order by u.model, u.metric, u.rate_class), 10, '; '),
    _billing.period_label(u.period_start, t.period_end),
    'add it to prices and run again')
  from unnest(findings) u
  join unnest(targets) t using (client_id, period_start)
  where u.metric is not null and not billing.is_unmapped(u.metric)
  group by u.client_id, u.period_start, t.period_end
  union all
  select u.client_id, u.period_start, 'unknown_provider', format(
    'it is not known whether tokens are counted within input and output or beside them in %s: %s; '
      || 'map each model to its provider (action map_model, or a row of public.models) or log '
      || 'metadata.counting, and run again', _billing.period_label(u.period_start, t.period_end),
    _billing.first_few(array_agg(format('%s of model %s (%s units)',
      _billing.named_usage(substr(u.metric, 10), u.rate_class), u.model, trim_scale(u.quantity))
      order by u.model, u.metric, u.rate_class), 10, '; '))
  from unnest(findings) u
  join unnest(targets) t using (client_id, period_start)
  where billing.is_unmapped(u.metric)
  group by u.client_id, u.period_start, t.period_end
  union all
  select t.client_id, t.period_start, 'currency_mismatch',
    format('invoice item %L is in %s, the client is billed in %s', i.description, i.currency,
      t.currency)
  from _billing.items_of_targets(targets) p
  join public.invoice_items i on i.id = p.item_id
  join terms t on t.client_id = i.client_id and t.period_start = p.period_start
  where i.currency <> t.currency
  union all
  select t.client_id, t.period_start, 'usage_being_rebuilt', format(
    'usage of %s is being computed anew since %s (billing.pending_rebuilds): it is billed once '
      || 'that is done', _billing.period_label(t.period_start, t.period_end),
    to_char(min(r.requested_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'))
  from unnest(targets) t
  join billing.pending_rebuilds r on r.from_day < t.period_end and t.period_start < r.until_day
    and (r.client_ids is null or t.client_id = any (r.client_ids))
  group by t.client_id, t.period_start, t.period_end
  union all
  select t.client_id, t.period_start, 'no_config', format(
    'no default billing_config holds on the last day of %s: add one and run again',
    _billing.period_label(t.period_start, t.period_end))
  from unnest(targets) t
  where (t.client_id, t.period_start) not in (select g.client_id, g.period_start from terms g)
  union all
  select f.client_id, f.period_start,
    case when f.total < 0 then 'negative_total' else 'amount_out_of_range' end,
    format('the period adds up to %s minor units', f.total) || case when f.total >= 0
      then format('; its lines, signs aside, come to %s, and 900000000000000 (9e14) is the most '
        || 'that an invoice holds', f.largest) else '' end
  from unnest(findings) f
  -- Usage that was taken back is owed to the client and credited; an allowance larger than the rest
  -- is for operators to look at. The limit keeps every sum within what JSON readers hold exactly
  -- (2^53).
  where (f.total < 0 and f.has_items) or f.largest > 9e14;
$$;
comment on function _billing.blocking_reasons is
  'Targets that cannot be billed, with the reason, given the findings of their rating.';

create function _billing.blocked_targets(targets billing.rating_target[])
returns setof _billing.blocked_target language sql stable
set search_path = pg_catalog, pg_temp as $$
  select b.* from _billing.blocking_reasons(targets, array(
    select f from _billing.rating_summary(array(
      select r from _billing.rate_periods(targets, true) r)) f)) b;
$$;
comment on function _billing.blocked_targets is 'Targets that cannot be billed, with the reason.';

-- Periods that no rebuild is to come for any more are settled by the next run.
create function _billing.release_rebuilt()
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  targets constant billing.rating_target[] := array(
    select (p.client_id, p.period_start, p.period_end)::billing.rating_target
    from public.billing_periods p
    where p.state = 'blocked' and p.reason = 'usage_being_rebuilt'
      and not _billing.is_being_rebuilt(p.client_id, p.period_start, p.period_end));
begin
  perform _billing.lock_periods(targets);
  update public.billing_periods p set state = 'pending', reason = null, message = null
  from unnest(targets) t
  where p.client_id = t.client_id and p.period_start = t.period_start
    and p.state = 'blocked' and p.reason = 'usage_being_rebuilt';
end $$;
comment on function _billing.release_rebuilt is
  'Makes periods pending that waited for a rebuild that is done.';
