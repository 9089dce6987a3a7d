-- Finalizing: number, balance, freeze; all of it or nothing.

-- One writer of the books at a time: runs, finalizations, voids and credits wait for each other.
create function billing.lock_books() returns void language sql set search_path = '' as $$
  select pg_advisory_xact_lock(hashtext('billing.books'));
$$;

-- Numbers for invoices issued on a day, consecutive in the series and year. The counter's row stays
-- locked until commit: a rollback gives its numbers back, so there is never a gap.
create function billing.take_numbers(issued_on date, how_many integer)
returns integer language sql set search_path = '' as $$
  insert into billing.invoice_counters as n (series, year, last_number)
  select s.number_series, extract(year from issued_on)::integer, how_many
  from public.billing_settings s
  on conflict (series, year) do update set last_number = n.last_number + how_many
  returning n.last_number - how_many;
$$;
comment on function billing.take_numbers is
  'Reserves consecutive invoice numbers; returns the last one before them.';

-- Finalizes drafts: open, or paid where the client's balance covers all of it. The row is written
-- once, document included: what it says and what the columns say is one statement.
create function billing.finalize_invoices(invoice_ids uuid[], as_of timestamptz default now())
returns integer language plpgsql set search_path = '' as $$
declare
  -- The day an invoice is issued is the seller's: UTC.
  today constant date := (as_of at time zone 'UTC')::date;
  ids uuid[];
  issues billing.issue[];
  before_first integer;
begin
  perform billing.lock_books();
  select array_agg(i.id order by c.name, i.period_start, i.id) into ids
  from public.invoices i join public.clients c on c.id = i.client_id
  where i.id = any (invoice_ids) and i.status = 'draft';
  if ids is null then
    return 0;
  end if;
  before_first := billing.take_numbers(today, cardinality(ids));
  select array_agg((d.id, format('%s-%s-%s', s.number_series, extract(year from today),
      case when before_first + x.place < 1000000
        then lpad((before_first + x.place)::text, 6, '0')
        else (before_first + x.place)::text end),
    case when d.total_minor = a.applied then 'paid' else 'open' end, today,
    today + d.payment_terms_days, a.applied)::billing.issue) into issues
  from unnest(ids) with ordinality x(id, place)
  join public.invoices d on d.id = x.id
  join billing.balance_to_apply(ids) a on a.invoice_id = x.id
  cross join public.billing_settings s;
  update public.invoices i set
    number = f.number, status = f.status, finalized_at = as_of, issued_on = f.issued_on,
    due_on = f.due_on, balance_applied_minor = f.balance_applied_minor,
    paid_at = case when f.status = 'paid' then as_of end, document = d.document
  from unnest(issues) f
  join billing.documents_of(ids, issues) d on d.invoice_id = f.invoice_id
  where i.id = f.invoice_id;
  insert into public.balance_entries
    (client_id, currency, amount_minor, reason, invoice_id, created_at)
  select i.client_id, i.currency, -i.balance_applied_minor, 'applied', i.id, as_of
  from public.invoices i where i.id = any (ids) and i.balance_applied_minor > 0;
  update public.billing_periods p
  set state = 'invoiced', reason = null, message = null, updated_at = as_of
  from public.invoices i
  where i.id = any (ids) and i.kind = 'period' and p.client_id = i.client_id
    and p.period_start = i.period_start and p.state <> 'invoiced';
  -- By id, so that items of long ago are not looked at.
  with settled as materialized (
    select billing.item_of(l.rating_key) as id, l.section_start
    from public.invoice_lines l
    where l.invoice_id = any (ids) and l.kind = 'one_off' and l.section_start is not null
      and billing.item_of(l.rating_key) is not null
  )
  update public.invoice_items t
  set section_start = (select l.section_start from settled l where l.id = t.id)
  where t.id = any (array(select l.id from settled l)) and t.section_start is null;
  return cardinality(ids);
end $$;
comment on function billing.finalize_invoices is
  'Numbers and freezes drafts, in order of client name; returns how many.';

-- How much of each client's balance each of these invoices takes, in order.
create function billing.balance_to_apply(ids uuid[])
returns table (invoice_id uuid, applied bigint)
language sql stable set search_path = '' as $$
  select i.id, least(i.total_minor, greatest(coalesce((
      select sum(b.amount_minor) from public.balance_entries b
      where b.client_id = i.client_id and b.currency = i.currency), 0)
    - (sum(i.total_minor) over (partition by i.client_id, i.currency order by x.place)
      - i.total_minor), 0))::bigint
  from unnest(ids) with ordinality x(id, place)
  join public.invoices i on i.id = x.id;
$$;

create function billing.finalize_invoice(invoice_id uuid, as_of timestamptz default now())
returns text language plpgsql security definer
set search_path = '' set jit = off set lock_timeout = '30s' as $$
-- Definer: callers may read invoices, only these functions may write them.
declare
  invoice public.invoices;
begin
  -- What is rated does not change while it is rated: a price that is being added would find no
  -- invoice yet that it changes. Before the books, as a run does.
  lock table public.clients, public.billing_config, public.prices in share mode;
  perform billing.lock_books();
  invoice := billing.get_invoice(finalize_invoice.invoice_id);
  if invoice.status <> 'draft' then
    perform billing.raise_error('illegal_transition',
      format('invoice %s is %s; only a draft can be finalized', invoice.number, invoice.status));
  end if;
  if invoice.kind = 'period'
    and billing.day_start(invoice.client_id, invoice.period_end) > as_of then
    perform billing.raise_error('period_not_over',
      format('the period ends at %s', billing.day_start(invoice.client_id, invoice.period_end)),
      'wait until then, or look at it with billing.preview_invoice');
  end if;
  if invoice.kind = 'period' then
    perform billing.redraft(invoice, as_of);
  end if;
  perform billing.finalize_invoices(array[invoice.id], as_of);
  return (select i.number from public.invoices i where i.id = invoice.id);
end $$;
comment on function billing.finalize_invoice is
  'Finalizes one draft, brought up to date first; returns its number, null where it came to zero.';

-- A draft is issued as its usage is now: its document is made of records that go on changing.
create function billing.redraft(invoice public.invoices, as_of timestamptz)
returns void language plpgsql set search_path = '' as $$
declare
  target constant billing.rating_target :=
    (invoice.client_id, invoice.period_start, invoice.period_end);
  drafts uuid[];
begin
  perform set_config('billing.as_of', as_of::text, true);
  perform billing.hold_usage();
  if billing.mark_blocked(array[target], as_of) = '{}' then
    perform billing.raise_error('client_blocked', (
      select string_agg(b.message, '; ') from billing.blocked_targets(array[target]) b),
      'mend what blocks it, then finalize again');
  end if;
  drafts := billing.draft_invoices(array[target], billing.late_targets(target));
  perform billing.credit_overcharges(billing.overcharged_targets(array[target]), as_of);
  perform billing.mark_rated(array[target], '{}', drafts, as_of);
end $$;

create function billing.get_invoice(invoice_id uuid)
returns public.invoices language plpgsql set search_path = '' as $$
declare
  invoice public.invoices;
begin
  select * into invoice from public.invoices i where i.id = get_invoice.invoice_id for update;
  if invoice.id is null then
    perform billing.raise_error('unknown_invoice', format('no invoice has id %s', invoice_id));
  end if;
  return invoice;
end $$;

revoke all on all functions in schema billing from public;
grant execute on function billing.finalize_invoice(uuid, timestamptz) to service_role;
