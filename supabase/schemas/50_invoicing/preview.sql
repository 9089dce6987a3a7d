-- Previews: what the invoice of a period would say.

-- The period of a client that a day lies in: as recorded, or as it will be.
create function _billing.period_containing(client_id uuid, day date)
returns billing.rating_target language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  target billing.rating_target;
begin
  select p.client_id, p.period_start, p.period_end into target
  from public.billing_periods p
  where p.client_id = period_containing.client_id and p.period_start <= day and day < p.period_end;
  if target.client_id is null then
    select r.client_id,
      greatest(r.next_start, billing.period_start_of(day, r.billing_anchor_day)),
      billing.period_end_of(greatest(day, r.next_start), r.billing_anchor_day) into target
    from billing.current_periods(billing.as_of()) r
    where r.client_id = period_containing.client_id and day >= r.next_start;
    if not exists (select from public.service_intervals s
      where s.client_id = target.client_id and s.starts_on < target.period_end
        and s.ends_on > target.period_start) then
      target := null;
    end if;
  end if;
  if target.client_id is null then
    -- Before the first period or between two, where days have come into service since.
    select u.client_id, u.period_start, u.period_end into target
    from _billing.unopened_periods(billing.as_of(), period_containing.client_id) u
    where u.period_start <= day and day < u.period_end;
  end if;
  if target.client_id is null then
    perform billing.raise_error('unknown_client',
      format('client %s does not exist or has no period with %s', client_id, day));
  end if;
  if exists (select from public.invoices i where i.client_id = target.client_id
    and i.kind = 'period' and i.period_start = target.period_start
    and i.status not in ('draft', 'void')) then
    perform billing.raise_error('period_already_invoiced',
      format('the period %s is invoiced',
        _billing.period_label(target.period_start, target.period_end)),
      'see the invoice; late usage goes on the next one');
  end if;
  return target;
end $$;

-- The document that the invoice of a period would have if it were made now. Made by the very
-- functions that make it, in a subtransaction that is rolled back: it cannot differ by a cent.
create function billing.preview_invoice(client_id uuid, day date default null,
  as_of timestamptz default now())
returns jsonb language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may look at a preview, only these functions may write drafts.
declare
  target billing.rating_target;
  late billing.rating_target[];
  made _billing.closing;
  content text;
begin
  perform set_config('billing.as_of', as_of::text, true);
  perform _billing.lock_clients(array[preview_invoice.client_id]);
  perform _billing.rollup_if_free();
  target := _billing.period_containing(preview_invoice.client_id,
    coalesce(day, billing.day_of(preview_invoice.client_id, as_of)));
  late := _billing.late_targets(target);
  begin
    delete from public.invoices i where i.client_id = target.client_id
      and i.period_start = target.period_start and i.status = 'draft';
    made := _billing.draft_periods(array[target], late);
    perform _billing.write_documents(made.drafts);
    -- As text: a jsonb of this size is a reference to storage that is rolled back with its row.
    select i.document::text into content from public.invoices i
    where i.client_id = target.client_id and i.kind = 'period'
      and i.period_start = target.period_start and i.status = 'draft';
    raise exception using errcode = 'LB000', message = 'roll the preview back';
  exception when sqlstate 'LB000' then
    null;
  end;
  if _billing.blocked_message(made, target) is not null then
    perform billing.raise_error('client_blocked', _billing.blocked_message(made, target));
  end if;
  return content::jsonb;
end $$;
comment on function billing.preview_invoice is
  'Document of the invoice for the period with a day (default today), or null where it is zero.';
grant execute on function billing.preview_invoice(uuid, date, timestamptz) to service_role;
