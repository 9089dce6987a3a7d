-- What an erasure says of itself: what it has erased, what it keeps, and what only you can erase.

create function _billing.erasure_summary(client_id uuid, members uuid[], erased jsonb)
returns jsonb language sql stable
set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select jsonb_build_object('client_id', erasure_summary.client_id, 'erased_at', now(),
    'erased', erased,
    'kept', jsonb_build_array(
      jsonb_build_object('what', 'issued invoices and credit notes with their documents and PDFs',
        'why', 'the law asks for books: name, address and tax id of the billed client',
        'count', (select count(*) from public.invoices i
            where i.client_id = erasure_summary.client_id and i.number is not null)
          + (select count(*) from public.credit_notes n
            where n.client_id = erasure_summary.client_id)),
      jsonb_build_object('what', 'payments, with the payer''s reference',
        'why', 'books', 'count', (select count(*) from public.payments p
          where p.client_id = erasure_summary.client_id)),
      jsonb_build_object('what', 'usage by the client''s id and external id',
        'why', 'what invoices were made of; it names nobody')),
    'elsewhere', jsonb_build_array(
      jsonb_build_object('what', 'users of Supabase Auth', 'ids', to_jsonb(members)),
      jsonb_build_object('what', 'customers at Stripe', 'ids', (
        select coalesce(jsonb_agg(s.stripe_customer_id order by s.stripe_customer_id), '[]')
        from public.stripe_customers s where s.client_id = erasure_summary.client_id)),
      jsonb_build_object('what', 'files of old logs in the bucket usage-logs', 'ids', (
        select coalesce(jsonb_agg(e.path order by e.path), '[]') from billing.log_exports e
        where e.path is not null)),
      jsonb_build_object('what', 'mails that were sent, backups, logs of HERMES', 'ids',
        '[]'::jsonb)));
$$;
