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

-- Closes periods of clients that the caller has locked. `issue` says which drafts become invoices:
-- none, those past their grace, or all. `terms_seen` is the version of the terms that the caller
-- has read before anything else; null holds the terms from here on, for short work.
create function billing.close_periods(due billing.rating_target[], late billing.rating_target[],
  as_of timestamptz, issue text, terms_seen bigint default null)
returns billing.closing language plpgsql set search_path = '' as $$
declare
  versions constant billing.period_version[] := billing.lock_periods(due || late);
  made billing.closing;
  charged billing.rating_target[];
  credited billing.rating_target[];
begin
  if terms_seen is null then
    perform billing.hold_terms();
  end if;
  made := billing.draft_periods(due, late);
  charged := billing.mark_blocked(due, as_of, made.blocked);
  credited := billing.unblocked(late, made.blocked, false);
  made.credit_notes := billing.credit_overcharges(billing.overcharged_targets(
    billing.reopened_targets(charged) || credited), as_of);
  perform billing.mark_rated(charged, credited, made.drafts, versions, as_of);
  made.issued := case issue when 'none' then '{}' when 'all' then made.drafts
    else billing.drafts_past_grace(as_of, array(
      select t.client_id from unnest(due || late) t)) end;
  perform billing.write_documents(
    array(select unnest(made.drafts) except select unnest(made.issued)));
  if terms_seen is not null then
    perform billing.hold_terms(terms_seen);
  end if;
  perform billing.finalize_invoices(made.issued, as_of);
  return made;
end $$;
comment on function billing.close_periods is
  'Rates periods and writes drafts, credit notes and, as `issue` says (none, past_grace, all), the
   invoices. Raises LB001 where terms moved since terms_seen.';

create function billing.blocked_message(made billing.closing, target billing.rating_target)
returns text language sql immutable set search_path = '' as $$
  select string_agg(b.message, '; ' order by b.reason, b.message) from unnest(made.blocked) b
  where b.client_id = target.client_id and b.period_start = target.period_start;
$$;
comment on function billing.blocked_message is 'Why a target was not closed; null where it was.';

revoke all on all functions in schema billing from public;
