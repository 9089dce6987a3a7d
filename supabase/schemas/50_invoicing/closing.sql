-- Closing periods: the one way from usage to drafts, credit notes and issued invoices. A run, an
-- invoice on demand, a draft finalized by hand, a regenerated period and a preview are short
-- callers of it.

create type _billing.closing as (drafts uuid[], issued uuid[], credit_notes bigint,
  blocked _billing.blocked_target[]);
comment on type _billing.closing is
  'What closing periods made: drafts, those that were issued, credit notes; and blocked targets.';

-- The targets that nothing blocks. A total below zero blocks only a period without an invoice.
create function _billing.unblocked(targets billing.rating_target[],
  blocked _billing.blocked_target[], negative_blocks boolean)
returns billing.rating_target[] language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(t), '{}') from unnest(targets) t
  where (t.client_id, t.period_start) not in (
    select b.client_id, b.period_start from unnest(blocked) b
    where negative_blocks or b.reason <> 'negative_total');
$$;
comment on function _billing.unblocked is 'Those of the targets that nothing blocks.';

-- Rates targets and writes the drafts of those that are not blocked. `late` targets are invoiced
-- already; one that is rated below what was invoiced is not blocked: it is credited. At an instant
-- that is given, what is blocked is marked before others take the credit of its drafts.
create function _billing.draft_periods(due billing.rating_target[], late billing.rating_target[],
  as_of timestamptz default null)
returns _billing.closing language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  made _billing.closing;
begin
  made.blocked := array(select b from _billing.blocking_reasons(
    due || late, _billing.rate_drafts(due || late)) b);
  if as_of is not null and made.blocked <> '{}' then
    perform _billing.mark_blocked(array(select unnest(due) except
      select unnest(_billing.unblocked(due, made.blocked, true))), as_of, made.blocked);
  end if;
  made.drafts := _billing.make_drafts(
    _billing.unblocked(due, made.blocked, true), _billing.unblocked(late, made.blocked, false));
  return made;
end $$;
comment on function _billing.draft_periods is
  'Rates periods and writes their drafts, without documents; says what blocked which.';

-- Terms that this transaction itself has changed are counted, and asked whether they may be, before
-- they are rated: at its commit they would find its own invoices.
create function _billing.fire_terms_triggers()
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  set constraints public.count_terms_change, billing.count_terms_change,
    public.count_terms_change_of_items, public.guard_price_at_commit,
    public.guard_config_at_commit, public.guard_family_at_commit,
    public.guard_new_meter_at_commit immediate;
  set constraints public.count_terms_change, billing.count_terms_change,
    public.count_terms_change_of_items, public.guard_price_at_commit,
    public.guard_config_at_commit, public.guard_family_at_commit,
    public.guard_new_meter_at_commit deferred;
end $$;
comment on function _billing.fire_terms_triggers is
  'Fires the deferred triggers of changes of terms that this transaction has made so far.';

-- The same at the terms of one version; raises LB001 where they have moved in the end.
create function _billing.close_at_terms(due billing.rating_target[], late billing.rating_target[],
  as_of timestamptz, issue text, versions _billing.period_version[], terms_seen bigint)
returns _billing.closing language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  made _billing.closing;
  charged billing.rating_target[];
  credited billing.rating_target[];
begin
  made := _billing.draft_periods(due, late, as_of);
  charged := _billing.mark_blocked(due, as_of, made.blocked);
  credited := _billing.unblocked(late, made.blocked, false);
  made.credit_notes := _billing.credit_overcharges(_billing.overcharged_targets(
    charged || credited), as_of);
  perform _billing.mark_rated(charged, credited, made.drafts, versions, as_of);
  perform _billing.hold_drafts(made.drafts, as_of);
  made.issued := case issue when 'none' then '{}' when 'all' then _billing.unheld(made.drafts)
    else _billing.drafts_past_grace(as_of, array(
      select t.client_id from unnest(due || late) t)) end;
  if issue = 'made_past_grace' then
    made.issued := array(select unnest(made.issued) intersect select unnest(made.drafts));
  end if;
  perform _billing.write_documents(
    array(select unnest(made.drafts) except select unnest(made.issued)));
  perform _billing.settle_items(made.issued);
  perform _billing.hold_terms(
    array(select distinct t.client_id from unnest(due || late) t), terms_seen);
  perform _billing.finalize_invoices(made.issued, as_of);
  return made;
end $$;

-- Closes periods of clients that the caller has locked. `issue` says which drafts become invoices:
-- none, those past their grace, those of them that are made here (others may not be what they would
-- be made now), or all that are made; never those that are held. Where terms move meanwhile it is
-- done again; the third time it holds them from the beginning.
create function _billing.close_periods(due billing.rating_target[], late billing.rating_target[],
  as_of timestamptz, issue text)
returns _billing.closing language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  versions constant _billing.period_version[] :=
    _billing.lock_periods(_billing.with_drafted_sections(due || late));
  clients constant uuid[] := array(select distinct t.client_id from unnest(due || late) t);
begin
  perform _billing.fire_terms_triggers();
  for attempt in 1..2 loop
    begin
      return _billing.close_at_terms(due, late, as_of, issue, versions,
        _billing.current_terms_version(clients));
    exception when sqlstate 'LB001' then
      null;
    end;
  end loop;
  return _billing.close_at_terms(due, late, as_of, issue, versions,
    _billing.hold_terms(clients));
end $$;
comment on function _billing.close_periods is
  'Rates periods and writes drafts, credit notes and, as `issue` says (none, past_grace,
   made_past_grace, all), the invoices.';

create function _billing.blocked_message(made _billing.closing, target billing.rating_target)
returns text language sql immutable set search_path = pg_catalog, pg_temp as $$
  select string_agg(b.message, '; ' order by b.reason, b.message) from unnest(made.blocked) b
  where b.client_id = target.client_id and b.period_start = target.period_start;
$$;
comment on function _billing.blocked_message is 'Why a target was not closed; null where it was.';
