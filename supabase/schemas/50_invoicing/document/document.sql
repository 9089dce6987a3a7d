-- The document of an invoice: one jsonb that holds all a renderer needs and is frozen with it.

create function _billing.document_seller() returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('name', s.seller_name, 'address', to_jsonb(s.seller_address),
    'email', s.seller_email, 'tax_id', s.seller_tax_id, 'website', s.seller_website,
    'payment_instructions', s.payment_instructions, 'footer', s.invoice_footer)
  from public.billing_settings s;
$$;

-- For credit notes; documents_of has the same fields, joined once for a batch of invoices.
create function _billing.document_client(client_id uuid) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('id', c.id, 'name', c.name, 'address', to_jsonb(c.address),
    'email', c.email, 'tax_id', c.tax_id, 'external_id', c.external_id)
  from public.clients c where c.id = document_client.client_id;
$$;

-- The language of a document's words, frozen with it: of the client's locale, where the dictionary
-- (shared/words) has it. Documents in English do not name it, as those of before do not.
create function _billing.document_language(locale text) returns jsonb language sql immutable
return case when split_part(locale, '-', 1) in ('de', 'fr', 'es', 'it', 'nl', 'pt', 'ja', 'ar')
  then jsonb_build_object('language', split_part(locale, '-', 1)) else '{}' end;
comment on function _billing.document_language is
  'The part of documents that says in which language they are; empty for English.';

-- What an invoice will have got when it is issued.
create type _billing.issue as (invoice_id uuid, number text, status text, issued_on date,
  due_on date, balance_applied_minor bigint);

-- The tax that was due with the purchase of credit, and is deducted with what that pays: by the
-- taxes of the invoice that has said it. Empty for credit that is taxed on use.
create function _billing.document_advance(tax_invoice_id uuid, tax_minor bigint)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when tax_invoice_id is null then '{}' else (
    select jsonb_build_object('advance', jsonb_build_object('invoice_number', i.number,
      'tax_minor', document_advance.tax_minor, 'taxes', jsonb_agg(jsonb_build_object(
        'name', l.tax_name, 'rate_percent', _billing.decimal_text(l.tax_rate_percent),
        'amount_minor', l.upto - l.before) order by l.position)))
    from public.invoices i
    cross join lateral (
      -- Shares add up.
      select s.*, _billing.tax_share(document_advance.tax_minor, i.tax_included_minor, s.until)
        as upto, _billing.tax_share(document_advance.tax_minor, i.tax_included_minor,
        s.until - s.amount_minor) as before
      from (
        select t.*, sum(t.amount_minor) over (order by t.position)::bigint as until
        from public.invoice_lines t
        where t.invoice_id = i.id and t.kind = 'tax' and t.amount_minor <> 0
      ) s
    ) l
    where i.id = document_advance.tax_invoice_id
    group by i.id
  ) end;
$$;
comment on function _billing.document_advance is
  'The part of documents that says what tax of a purchase is deducted with credit.';

-- What grants of credit have paid of invoices, and what is left of them. Nothing for invoices that
-- no grant has paid.
create function _billing.document_credits(invoice_ids uuid[])
returns table (invoice_id uuid, credits jsonb)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select u.invoice_id, jsonb_build_object('credits', jsonb_agg(jsonb_build_object(
    'description', 'Prepaid credit' || coalesce(' until ' || billing.day_of(g.client_id,
      g.expires_at), ''),
    'amount_minor', u.used_minor) || _billing.document_rest(g.client_id,
      g.expires_at, l.left_minor, invoice_ids)
      || _billing.document_advance(g.tax_invoice_id, u.tax_minor)
    order by _billing.burn_rank(g)))
  from (
    select e.invoice_id, e.grant_id, -sum(e.amount_minor)::bigint as used_minor,
      -sum(e.tax_minor)::bigint as tax_minor
    from public.credit_entries e
    where e.invoice_id = any (invoice_ids) and e.kind = 'use'
    group by e.invoice_id, e.grant_id
  ) u
  join public.credit_grants g on g.id = u.grant_id
  cross join lateral (
    select sum(e.amount_minor)::bigint as left_minor from public.credit_entries e
    where e.grant_id = g.id and e.kind not in ('expiry', 'release', 'reopening')
  ) l
  group by u.invoice_id;
$$;
comment on function _billing.document_credits is
  'The part of documents that says what grants of credit have paid.';

-- The same of a credit note: what comes back to grants with tax that was deducted, and is again
-- tax of what is paid ahead. Nothing where no such tax comes back.
create function _billing.document_returned(note_id uuid)
returns jsonb language sql stable set search_path = pg_catalog, pg_temp as $$
  select jsonb_build_object('credits', jsonb_agg(jsonb_build_object(
    'description', 'Prepaid credit' || coalesce(' until ' || billing.day_of(g.client_id,
      g.expires_at), ''),
    'amount_minor', r.returned_minor) || _billing.document_rest(g.client_id,
      g.expires_at, l.left_minor, '{}')
      || _billing.document_advance(g.tax_invoice_id, r.tax_minor)
    order by _billing.burn_rank(g)))
  from (
    select e.grant_id, sum(e.amount_minor)::bigint as returned_minor,
      sum(e.tax_minor)::bigint as tax_minor
    from public.credit_entries e
    where e.credit_note_id = document_returned.note_id and e.kind in ('return', 'transfer')
    group by e.grant_id having sum(e.tax_minor) <> 0
  ) r
  join public.credit_grants g on g.id = r.grant_id
  cross join lateral (
    select sum(e.amount_minor)::bigint as left_minor from public.credit_entries e
    where e.grant_id = g.id and e.kind not in ('expiry', 'release', 'reopening')
  ) l
  having count(*) > 0;
$$;
comment on function _billing.document_returned is
  'The part of the document of a credit note that says what tax of purchases it gives back.';

-- Documents of invoices as they are, or as `issues` will make them, of the seller of now or of one
-- that the caller has read with their numbers. Put together as JSON text and read once: parts that
-- are jsonb are taken apart and built anew on each level that they go into.
create function _billing.documents_of(invoice_ids uuid[], issues _billing.issue[] default '{}',
  of_seller jsonb default null)
returns table (invoice_id uuid, document jsonb)
language sql stable
set search_path = pg_catalog, pg_temp
set jit = off set enable_nestloop = off as $$
  with seller as materialized (
    select coalesce(of_seller, _billing.document_seller())::json as document
  )
  select i.id, json_build_object(
    'version', 1, 'kind', 'invoice', 'number', x.number, 'status', x.status,
    'currency', i.currency, 'exponent', cur.exponent,
    'issued_on', x.issued_on, 'due_on', x.due_on,
    'period', case when i.kind = 'period' then json_build_object(
      'start', i.period_start, 'end', i.period_end, 'time_zone', z.time_zone) end,
    'references', json_build_object('invoice_number', null, 'replaces',
      case when i.replaces_id is not null then (
        select o.number from public.invoices o where o.id = i.replaces_id) end,
      'reason', null),
    'locale', c.locale, 'paper', c.paper, 'seller', seller.document,
    'client', json_build_object('id', c.id, 'name', c.name, 'address', c.address,
      'email', c.email, 'tax_id', c.tax_id, 'external_id', c.external_id),
    'lines', l.lines, 'discounts', l.discounts, 'taxes', l.taxes,
    'totals', json_build_object('subtotal_minor', i.subtotal_minor,
      'discount_minor', i.discount_minor, 'tax_minor', i.tax_minor,
      'tax_included_minor', i.tax_included_minor, 'total_minor', i.total_minor,
      'balance_applied_minor', x.applied,
      'amount_due_minor', i.amount_due_minor + i.balance_applied_minor - x.applied),
    'agents', coalesce(b.agents, '[]'), 'daily', coalesce(b.days, '[]'),
    'notes', case when i.note is null then '[]' else json_build_array(i.note) end,
    'payment_terms_days', i.payment_terms_days, 'payment_url', null)::jsonb
    || (coalesce(k.credits, '{}') || _billing.document_language(c.locale))
  from public.invoices i
  -- One by one, by index: not all clients are read for a batch of them.
  cross join lateral (select * from public.clients n where n.id = i.client_id offset 0) c
  left join lateral (
    select n.time_zone from public.client_time_zones n
    where n.client_id = i.client_id and n.effective_from < i.period_end and i.kind = 'period'
    order by n.effective_from desc limit 1
  ) z on true
  join public.currencies cur on cur.code = i.currency
  cross join seller
  join _billing.document_lines(invoice_ids) l on l.invoice_id = i.id
  left join _billing.document_breakdown(invoice_ids) b on b.invoice_id = i.id
  left join _billing.document_credits(invoice_ids) k on k.invoice_id = i.id
  left join unnest(issues) f on f.invoice_id = i.id
  cross join lateral (select coalesce(f.number, i.number) as number,
    coalesce(f.status, i.status) as status, coalesce(f.issued_on, i.issued_on) as issued_on,
    coalesce(f.due_on, i.due_on) as due_on,
    coalesce(f.balance_applied_minor, i.balance_applied_minor) as applied) x
  where i.id = any (invoice_ids);
$$;
comment on function _billing.documents_of is
  'Documents of invoices, from the invoice, its lines, client, seller and usage.';

-- Writes the documents of drafts.
create function _billing.write_documents(invoice_ids uuid[])
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update public.invoices i set document = d.document
  from _billing.documents_of(invoice_ids) d where i.id = d.invoice_id;
$$;
comment on function _billing.write_documents is 'Writes invoices.document of drafts.';
