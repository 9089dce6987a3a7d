-- Closing periods: the one way from usage to drafts, credit notes and issued invoices. A run, an
-- invoice on demand, a draft finalized by hand, a regenerated period and a preview are short
-- callers of it.

create type billing.closing as (drafts uuid[], issued uuid[], credit_notes bigint,
  blocked billing.blocked_target[]);
comment on type billing.closing is
  'What closing periods made: drafts, those of them that were issued, credit notes; what blocked.';

-- Rates targets and writes the drafts of those that are not blocked. `late` targets are invoiced
-- already; one that is rated below what was invoiced is not blocked: it is credited.
create function billing.draft_periods(due billing.rating_target[], late billing.rating_target[])
returns billing.closing language plpgsql set search_path = '' as $$
declare
  made billing.closing;
begin
  made.blocked := array(select b from billing.blocked_by(
    due || late, billing.rate_drafts(due || late)) b);
  made.drafts := billing.make_drafts(
    billing.unblocked(due, made.blocked, true), billing.unblocked(late, made.blocked, false));
  return made;
end $$;
comment on function billing.draft_periods is
  'Rates periods and writes their drafts, without documents; says what blocked which.';

-- The targets that nothing blocks. A total below zero blocks only a period without an invoice.
create function billing.unblocked(targets billing.rating_target[],
  blocked billing.blocked_target[], negative_blocks boolean)
returns billing.rating_target[] language sql immutable set search_path = '' as $$
  select coalesce(array_agg(t), '{}') from unnest(targets) t
  where (t.client_id, t.period_start) not in (
    select b.client_id, b.period_start from unnest(blocked) b
    where negative_blocks or b.reason <> 'negative_total');
$$;
comment on function billing.unblocked is 'Those of the targets that nothing blocks.';

-- Terms that this transaction itself has changed are counted, and asked whether they may be, before
-- they are rated: at its commit they would find its own invoices.
create function billing.fire_terms_triggers()
returns void language plpgsql set search_path = '' as $$
begin
  set constraints public.count_terms_change, billing.count_terms_change,
    public.count_terms_change_of_items, public.guard_new_price_at_commit,
    public.guard_new_config_at_commit, public.guard_family_at_commit,
    public.guard_new_meter_at_commit immediate;
  set constraints public.count_terms_change, billing.count_terms_change,
    public.count_terms_change_of_items, public.guard_new_price_at_commit,
    public.guard_new_config_at_commit, public.guard_family_at_commit,
    public.guard_new_meter_at_commit deferred;
end $$;
comment on function billing.fire_terms_triggers is
  'Fires the deferred triggers of changes of terms that this transaction has made so far.';

-- Closes periods of clients that the caller has locked. `issue` says which drafts become invoices:
-- none, those past their grace, or all. Where terms move meanwhile it is done again; the third time
-- it holds them from the beginning.
create function billing.close_periods(due billing.rating_target[], late billing.rating_target[],
  as_of timestamptz, issue text)
returns billing.closing language plpgsql set search_path = '' as $$
declare
  versions constant billing.period_version[] := billing.lock_periods(due || late);
begin
  perform billing.fire_terms_triggers();
  for attempt in 1..2 loop
    begin
      return billing.close_at_terms(due, late, as_of, issue, versions,
        billing.current_terms_version());
    exception when sqlstate 'LB001' then
      null;
    end;
  end loop;
  return billing.close_at_terms(due, late, as_of, issue, versions, billing.hold_terms());
end $$;
comment on function billing.close_periods is
  'Rates periods and writes drafts, credit notes and, as `issue` says (none, past_grace, all), the
   invoices.';

-- The same at the terms of one version; raises LB001 where they have moved in the end.
create function billing.close_at_terms(due billing.rating_target[], late billing.rating_target[],
  as_of timestamptz, issue text, versions billing.period_version[], terms_seen bigint)
returns billing.closing language plpgsql set search_path = '' as $$
declare
  made billing.closing;
  charged billing.rating_target[];
  credited billing.rating_target[];
begin
  made := billing.draft_periods(due, late);
  charged := billing.mark_blocked(due, as_of, made.blocked);
  credited := billing.unblocked(late, made.blocked, false);
  made.credit_notes := billing.credit_overcharges(billing.overcharged_targets(
    charged || credited), as_of);
  perform billing.mark_rated(charged, credited, made.drafts, versions, as_of);
  made.issued := case issue when 'none' then '{}' when 'all' then made.drafts
    else billing.drafts_past_grace(as_of, array(
      select t.client_id from unnest(due || late) t)) end;
  perform billing.write_documents(
    array(select unnest(made.drafts) except select unnest(made.issued)));
  perform billing.settle_items(made.issued);
  perform billing.hold_terms(terms_seen);
  perform billing.finalize_invoices(made.issued, as_of);
  return made;
end $$;

create function billing.blocked_message(made billing.closing, target billing.rating_target)
returns text language sql immutable set search_path = '' as $$
  select string_agg(b.message, '; ' order by b.reason, b.message) from unnest(made.blocked) b
  where b.client_id = target.client_id and b.period_start = target.period_start;
$$;
comment on function billing.blocked_message is 'Why a target was not closed; null where it was.';

revoke all on all functions in schema billing from public;
