-- Who mails an invoice to its client: we, or Stripe. Decided once, by the first that is about to,
-- so that a client never gets both mails, whatever is tried again or changed meanwhile.

create table _billing.invoice_mailers (
  invoice_id uuid primary key references public.invoices (id),
  mailer text not null
    constraint invoice_mailers_mailer_known check (mailer in ('us', 'stripe')),
  claimed_at timestamptz not null default now(),
  mailed_at timestamptz
);
comment on table _billing.invoice_mailers is 'Who mails, or has mailed, an invoice to its client.';
comment on column _billing.invoice_mailers.mailed_at is
  'When Stripe was asked to mail it; it is not asked again.';
alter table _billing.invoice_mailers enable row level security;
revoke all on _billing.invoice_mailers from public;

create function _billing.claim_mail(invoice_id uuid, mailer text) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  insert into _billing.invoice_mailers (invoice_id, mailer)
  values (claim_mail.invoice_id, claim_mail.mailer)
  on conflict on constraint invoice_mailers_pkey do nothing;
  return exists (select from _billing.invoice_mailers m
    where m.invoice_id = claim_mail.invoice_id and m.mailer = claim_mail.mailer
      and m.mailed_at is null);
end $$;
comment on function _billing.claim_mail is
  'Whether a mailer may mail an invoice: no other has begun to, and it has not been noted as done.';

create function _billing.note_mailed(invoice_id uuid) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update _billing.invoice_mailers m set mailed_at = now()
  where m.invoice_id = note_mailed.invoice_id and m.mailer = 'stripe';
$$;
comment on function _billing.note_mailed is 'Notes that Stripe was asked to mail an invoice.';

create function _billing.release_mail(invoice_id uuid) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  delete from _billing.invoice_mailers m
  where m.invoice_id = release_mail.invoice_id and m.mailer = 'stripe' and m.mailed_at is null;
$$;
comment on function _billing.release_mail is
  'Lets us mail an invoice that Stripe was about to mail and refused to.';

create function _billing.is_mailed_by_stripe(invoice_id uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from _billing.invoice_mailers m
    where m.invoice_id = is_mailed_by_stripe.invoice_id and m.mailer = 'stripe');
$$;
comment on function _billing.is_mailed_by_stripe is
  'Whether Stripe mails an invoice; then it reminds of it, too.';
