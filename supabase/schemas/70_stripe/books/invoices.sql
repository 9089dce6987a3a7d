-- What Stripe says about money, brought into our books.
--
-- Stripe's figures are cumulative (`amount_paid`, `amount_refunded`), so nothing here counts
-- events: each figure may only grow, and what it grew by is booked. Events may therefore come
-- twice, in any order, or not at all, and reconciliation calls the very same functions.

-- Voided or written off there: here too, where our rules allow it. Operators are told of both.
create function _billing.follow_stripe_status(mirror public.stripe_invoices, at timestamptz)
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoice public.invoices := _billing.get_invoice(mirror.invoice_id);
begin
  if mirror.state = 'void' and invoice.status in ('open', 'uncollectible') then
    if invoice.paid_minor + invoice.credited_minor > 0 then
      perform _billing.notice('void/' || mirror.stripe_invoice_id, 'high', format(
        '%s was voided in Stripe, but it is partly paid or credited here', invoice.number));
      return 'cannot be voided here';
    end if;
    perform billing.void_invoice(invoice.id, 'Voided in Stripe', at);
    perform _billing.notice('void/' || mirror.stripe_invoice_id, 'normal', format(
      '%s was voided in Stripe, and so here: generate its period anew if it is to be billed',
      invoice.number));
    return 'voided';
  elsif mirror.state = 'uncollectible' and invoice.status = 'open' then
    perform billing.mark_uncollectible(invoice.id, at);
    perform _billing.notice('write-off/' || mirror.stripe_invoice_id, 'normal', format(
      '%s was written off in Stripe, and so here: a later payment is booked',
      invoice.number));
    return 'marked uncollectible';
  end if;
  return null;
end $$;

-- "Edit invoice" in the Dashboard voids an invoice and issues a revision of it. Ours is then the
-- revision: what is paid for that is paid for ours, and the void one is none of ours any more.
create function _billing.follow_revision(revised text, revision text)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  mirror public.stripe_invoices;
begin
  if revised is null or revision is null or revised = revision then
    return;
  end if;
  update public.stripe_invoices m set stripe_invoice_id = revision, state = 'open'
  where m.stripe_invoice_id = revised and m.amount_paid_minor = 0
  returning * into mirror;
  if mirror.invoice_id is not null then
    perform _billing.notice('revised/' || revision, 'high', format('%s was edited in Stripe: %s '
      'replaces %s. Where its amount differs from ours, void it there, and void and regenerate '
      'ours',
      i.number, revision, revised))
    from public.invoices i where i.id = mirror.invoice_id;
  end if;
end $$;

-- One invoice of Stripe, as it is in an event or an answer. Returns what came of it, or null when
-- it is none of ours (a subscription's, one made by hand there), nor of an earlier system's.
create function billing.apply_stripe_invoice(invoice jsonb, seen timestamptz)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the books are written by functions only.
declare
  mirror public.stripe_invoices;
  currency constant text := invoice ->> 'currency';
  refused text;
begin
  perform _billing.lock_clients(array(
    select distinct i.client_id from public.stripe_invoices m
    join public.invoices i on i.id = m.invoice_id
    where m.stripe_invoice_id = invoice ->> 'id'
      or m.stripe_invoice_id = invoice #>> '{from_invoice,invoice}'
      or m.invoice_id::text = invoice #>> '{metadata,leveredge_invoice_id}'));
  if invoice ->> 'status' <> 'draft' then
    perform _billing.follow_revision(invoice #>> '{from_invoice,invoice}', invoice ->> 'id');
  end if;
  perform _billing.follow_revision(invoice ->> 'id', invoice ->> 'latest_revision');
  select * into mirror from public.stripe_invoices m
  where m.livemode = (invoice ->> 'livemode')::boolean
    and (m.stripe_invoice_id = invoice ->> 'id' or (m.stripe_invoice_id is null
      and m.state = 'creating'
      and m.invoice_id::text = invoice #>> '{metadata,leveredge_invoice_id}'));
  if mirror.invoice_id is null then
    return _billing.apply_earlier_invoice(invoice, seen);
  end if;
  refused := _billing.other_currency(mirror, invoice);
  if refused is not null then
    return refused;
  end if;
  update public.stripe_invoices m set
    stripe_invoice_id = invoice ->> 'id',
    state = case when _billing.stripe_rank(invoice ->> 'status') >= _billing.stripe_rank(m.state)
      then invoice ->> 'status' else m.state end,
    total_minor = case when invoice ->> 'status' = 'draft' then m.total_minor
      else _billing.from_stripe((invoice ->> 'total')::bigint, currency) end,
    amount_paid_minor = greatest(m.amount_paid_minor,
      _billing.from_stripe(_billing.stripe_received(invoice), currency)),
    hosted_invoice_url = coalesce(invoice ->> 'hosted_invoice_url', m.hosted_invoice_url),
    invoice_pdf = coalesce(invoice ->> 'invoice_pdf', m.invoice_pdf),
    seen_at = greatest(m.seen_at, seen)
  where m.invoice_id = mirror.invoice_id and m.livemode = mirror.livemode
  returning * into mirror;
  return concat_ws(', ', 'invoice ' || mirror.state,
    _billing.book_stripe_payments(mirror, seen), _billing.follow_stripe_status(mirror, seen));
end $$;
comment on function billing.apply_stripe_invoice is
  'Brings an invoice as Stripe describes it into the books; null when it is none of ours.';
grant execute on function billing.apply_stripe_invoice(jsonb, timestamptz) to service_role;

-- Stripe no longer has this draft: a worker deleted it and ended before it noted so, or a person
-- deleted it in the Dashboard. An amount still to be collected begins anew, under new idempotency
-- keys, else Stripe would answer with the deleted draft. Of two workers that find out, one begins.
create function _billing.forget_stripe_draft(invoice_id uuid, livemode boolean, gone text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set stripe_invoice_id = null, generation = m.generation + 1,
    problem = 'its draft is gone from Stripe',
    state = case when i.status in ('open', 'uncollectible') and i.amount_due_minor > 0
      then 'creating' else 'refused' end
  from public.invoices i
  where i.id = m.invoice_id and m.invoice_id = forget_stripe_draft.invoice_id
    and m.livemode = forget_stripe_draft.livemode and m.stripe_invoice_id = gone
    and m.state = 'draft';
$$;
comment on function _billing.forget_stripe_draft is
  'Notes that Stripe no longer has a draft; an invoice that is still due begins anew.';

-- Only drafts can be deleted: docs.stripe.com/api/invoices/delete. Those that we delete are
-- forgotten by then, or are now.
create function _billing.apply_deleted_draft(stripe_id text) returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  mirror public.stripe_invoices;
begin
  select * into mirror from public.stripe_invoices m
  where m.stripe_invoice_id = stripe_id and m.state = 'draft';
  if mirror.invoice_id is null then
    return 'ignored: no draft of ours';
  end if;
  perform _billing.forget_stripe_draft(mirror.invoice_id, mirror.livemode, stripe_id);
  return 'draft forgotten';
end $$;
comment on function _billing.apply_deleted_draft is
  'Forgets a draft that was deleted in Stripe; the next reconciliation makes it again.';
