-- What the functions need to know to bring an invoice to Stripe, and what they write down.

-- Whether one of the taxes that the client is billed with today is for the client to account for.
create function _billing.is_reverse_charged(client_id uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from billing.config_on(array[is_reverse_charged.client_id],
      array[billing.day_of(is_reverse_charged.client_id, billing.as_of())]) c
    cross join lateral jsonb_array_elements(c.taxes) t
    where t ->> 'behavior' = 'reverse_charge');
$$;
comment on function _billing.is_reverse_charged is
  'Whether a client accounts for a tax of its invoices by itself.';

-- The payment methods of a client's invoices in a currency, with where bank transfers go to; null
-- where the client has none of its own. Settings for another currency are left out.
create function _billing.payment_methods_for(client_id uuid, currency text) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when t.payment_methods is not null then coalesce((
    select jsonb_agg(jsonb_build_object('method', m.method,
      'bank_transfer_type', m.bank_transfer_type, 'country', case m.bank_transfer_type
        when 'eu_bank_transfer' then t.bank_transfer_country end) order by m.method)
    from billing.stripe_payment_methods m
    where m.method = any (t.payment_methods)
      and (m.currency is null or m.currency = payment_methods_for.currency)), '[]') end
  from public.stripe_terms t where t.client_id = payment_methods_for.client_id;
$$;
comment on function _billing.payment_methods_for is
  'The payment methods of a client''s Stripe invoices in a currency; null: those of the Dashboard.';

create function _billing.stripe_client_facts(client_id uuid, livemode boolean)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('id', c.id, 'name', c.name, 'email', c.email,
    'address', to_jsonb(c.address), 'postal_address', c.postal_address, 'tax_id', c.tax_id,
    'locale', c.locale, 'external_id', c.external_id, 'tax_id_type', t.tax_id_type,
    'collection_method', coalesce(t.collection_method, 'send_invoice'),
    'mailed_by', coalesce(t.mailed_by, 'us'), 'tax_exempt', coalesce(t.tax_exempt, case
      when _billing.is_reverse_charged(c.id) then 'reverse' else 'none' end),
    'stripe_customer_id', s.stripe_customer_id, 'sent_digest', s.sent_digest,
    'stripe_tax_id', s.stripe_tax_id, 'deleted', s.deleted_at is not null,
    'made_at', extract(epoch from c.created_at)::bigint)
  from public.clients c
  left join public.stripe_terms t on t.client_id = c.id
  left join public.stripe_customers s
    on s.client_id = c.id and s.livemode = stripe_client_facts.livemode
  where c.id = stripe_client_facts.client_id;
$$;
comment on function _billing.stripe_client_facts is
  'What Stripe''s customer of a client is made of.';

-- The held invoices that an invoice collects: those of Stripe invoices that are void or were never
-- finalized are free for another, and what is still due of one when its Stripe invoice is paid,
-- which was elsewhere then. While Stripe can still be paid, they are not.
create function _billing.carried_invoices(livemode boolean)
returns table (held_invoice_id uuid, carrying_invoice_id uuid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select c.held_invoice_id, c.carrying_invoice_id
  from public.stripe_carried c
  join public.invoices i on i.id = c.carrying_invoice_id
  join public.stripe_invoices m on m.invoice_id = c.carrying_invoice_id and m.livemode = c.livemode
  where c.livemode = carried_invoices.livemode
    and m.state not in ('void', 'deleted', 'refused', 'paid')
    and not (i.status = 'void' and m.state in ('creating', 'held'));
$$;
comment on function _billing.carried_invoices is
  'Held invoices that another invoice collects; not those whose carrier is void or paid.';

-- Everything about one invoice that sending it takes, as one document.
create function _billing.stripe_invoice_facts(invoice_id uuid, livemode boolean)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object(
    'invoice', to_jsonb(i) - '{document,note,deliveries}'::text[] || jsonb_strip_nulls(
      jsonb_build_object('locale', coalesce(i.document ->> 'locale', 'en'),
        'language', i.document ->> 'language')),
    'exponent', cur.exponent,
    'payment_methods', _billing.payment_methods_for(i.client_id, i.currency),
    'client', _billing.stripe_client_facts(i.client_id, stripe_invoice_facts.livemode),
    'mirror', (select to_jsonb(m) from public.stripe_invoices m
      where m.invoice_id = i.id and m.livemode = stripe_invoice_facts.livemode),
    'held', coalesce((select jsonb_agg(jsonb_build_object('invoice_id', h.id,
        'number', h.number, 'amount_minor', h.amount_due_minor) order by h.issued_on, h.number)
      from public.stripe_invoices m join public.invoices h on h.id = m.invoice_id
      left join _billing.carried_invoices(stripe_invoice_facts.livemode) c
        on c.held_invoice_id = m.invoice_id
      where (m.state = 'held' or m.state = 'paid' and m.left_over_minor > 0)
        and m.livemode = stripe_invoice_facts.livemode and h.id <> i.id
        and h.client_id = i.client_id and h.currency = i.currency and h.status = 'open'
        and h.amount_due_minor > 0 and coalesce(c.carrying_invoice_id, i.id) = i.id), '[]'),
    'credit_notes', coalesce((select jsonb_agg(n.id order by n.id) from public.credit_notes n
      where n.invoice_id = i.id), '[]'),
    'payments', coalesce((select jsonb_agg(p.id order by p.id) from public.payments p
      where p.invoice_id = i.id), '[]'),
    'lines', coalesce((select jsonb_agg(jsonb_build_object('position', l.position,
        'kind', l.kind, 'description', l.description, 'detail', l.detail,
        'service_start', l.service_start, 'service_end', l.service_end,
        'amount_minor', case l.kind when 'discount' then -abs(l.amount_minor)
          else l.amount_minor end) order by l.position)
      from public.invoice_lines l
      where l.invoice_id = i.id and (l.kind <> 'tax' or l.tax_behavior = 'exclusive')), '[]'))
  from public.invoices i join public.currencies cur on cur.code = i.currency
  where i.id = stripe_invoice_facts.invoice_id;
$$;
comment on function _billing.stripe_invoice_facts is
  'An invoice, its client, lines, Stripe mirror and held invoices; null where there is none.';

create function _billing.save_stripe_customer(client_id uuid, livemode boolean, customer_id text,
  digest text, tax_id text default null)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  -- One at a time per client: `on conflict` waits for one of the two unique keys only, and the
  -- other would refuse the second of two workers that note the same customer at once.
  select pg_advisory_xact_lock(hashtextextended('stripe customer ' || client_id, 0));
  insert into public.stripe_customers as s (client_id, livemode, stripe_customer_id, sent_digest,
    stripe_tax_id)
  values (client_id, livemode, customer_id, digest, tax_id)
  on conflict (client_id, livemode) do update
  set stripe_customer_id = excluded.stripe_customer_id, sent_digest = excluded.sent_digest,
    stripe_tax_id = excluded.stripe_tax_id, deleted_at = null,
    former_ids = case when s.stripe_customer_id = excluded.stripe_customer_id
      then s.former_ids else s.former_ids || s.stripe_customer_id end;
$$;
comment on function _billing.save_stripe_customer is
  'Notes which customer a client is, and what was sent of it: a digest of the details, the tax id.';

-- Begun before Stripe is asked, so that a webhook that is faster than the answer finds its invoice.
create function _billing.begin_stripe_invoice(invoice_id uuid, livemode boolean)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_invoices (invoice_id, livemode) values (invoice_id, livemode)
  on conflict do nothing;
$$;
comment on function _billing.begin_stripe_invoice is 'Begins the mirror of an invoice, once.';

-- Notes the Stripe draft before anything is done with it, so that no crash forgets it.
create function _billing.save_stripe_draft(invoice_id uuid, livemode boolean, stripe_id text)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set stripe_invoice_id = stripe_id,
    state = case when m.state in ('creating', 'held', 'refused', 'deleted') then 'draft'
      else m.state end, problem = null
  where m.invoice_id = save_stripe_draft.invoice_id
    and m.livemode = save_stripe_draft.livemode;
$$;
comment on function _billing.save_stripe_draft is 'Notes the id of an invoice''s Stripe draft.';

-- Not sent: held because it is too small, refused because the figures do not meet. The next try
-- begins anew, with new idempotency keys if a draft was deleted.
create function _billing.save_stripe_problem(invoice_id uuid, livemode boolean, state text,
  problem text, draft_deleted boolean)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set state = save_stripe_problem.state,
    problem = save_stripe_problem.problem, stripe_invoice_id = null,
    generation = m.generation + draft_deleted::integer
  where m.invoice_id = save_stripe_problem.invoice_id
    and m.livemode = save_stripe_problem.livemode;
$$;
comment on function _billing.save_stripe_problem is 'Notes why an invoice is not in Stripe.';

create function _billing.save_stripe_left_over(invoice_id uuid, livemode boolean, amount bigint)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_invoices m set left_over_minor = amount
  where m.invoice_id = save_stripe_left_over.invoice_id
    and m.livemode = save_stripe_left_over.livemode;
$$;
comment on function _billing.save_stripe_left_over is
  'Notes what of an invoice Stripe does not collect because it takes only tens.';

-- About to be finalized: what it carries, and which credit notes its amount already allows for.
-- Those are the ones there were when the amount was read; one issued since is sent to Stripe.
create function _billing.save_stripe_carried(invoice_id uuid, livemode boolean, held jsonb,
  agreed_total bigint, credit_note_ids uuid[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_carried as c (held_invoice_id, livemode, carrying_invoice_id,
    amount_minor)
  select h.invoice_id, save_stripe_carried.livemode, save_stripe_carried.invoice_id,
    h.amount_minor
  from jsonb_to_recordset(held) h(invoice_id uuid, amount_minor bigint)
  on conflict on constraint stripe_carried_pkey do update
  set carrying_invoice_id = excluded.carrying_invoice_id, amount_minor = excluded.amount_minor
  where c.carrying_invoice_id <> excluded.carrying_invoice_id and not exists (
    select from _billing.carried_invoices(excluded.livemode) o
    where o.held_invoice_id = excluded.held_invoice_id);
  update public.stripe_invoices m set agreed_total_minor = agreed_total, carried_minor = (
    select coalesce(sum(h.amount_minor), 0)
    from jsonb_to_recordset(held) h(invoice_id uuid, amount_minor bigint))
  where m.invoice_id = save_stripe_carried.invoice_id
    and m.livemode = save_stripe_carried.livemode;
  insert into public.stripe_credit_notes (credit_note_id, livemode, origin)
  select n.id, save_stripe_carried.livemode, 'ours' from public.credit_notes n
  where n.invoice_id = save_stripe_carried.invoice_id and n.id = any (credit_note_ids)
  on conflict do nothing;
$$;
comment on function _billing.save_stripe_carried is
  'Notes the held invoices that a Stripe invoice collects.';
