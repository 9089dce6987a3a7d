-- The kinds of delivery that there are.

insert into billing.delivery_kinds (kind, of_invoices, of_credit_notes, purpose) values
  ('archive', true, true, 'The PDF, filed in the bucket `invoices`'),
  ('email', true, true, 'The document by mail to the client'),
  ('hermes', true, false, 'A notification by HERMES to operators'),
  ('json', true, true, 'The document as JSON beside the PDF, for programs'),
  ('stripe', true, false, 'The invoice in Stripe, which collects it'),
  ('log_export', false, false, 'A part of a month of logs, filed before retention removes it'),
  ('price_sync', false, false, 'List prices of a source, fetched and compared')
on conflict (kind) do update
set of_invoices = excluded.of_invoices, of_credit_notes = excluded.of_credit_notes,
  purpose = excluded.purpose;
