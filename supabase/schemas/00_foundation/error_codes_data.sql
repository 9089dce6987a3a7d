-- The codes of all domain errors.

insert into billing.error_codes (code, http_status, meaning) values
  ('negative_quantity', 400, 'A count that cannot be below zero is.'),
  ('invalid_argument', 400, 'An argument is outside what the function takes.'),
  ('unknown_client', 404, 'No client has this id.'),
  ('unknown_invoice', 404, 'No invoice has this id.'),
  ('append_only', 409, 'Rows of this table are facts; they are corrected by new rows.'),
  ('past_is_frozen', 409, 'What a settled period was charged by cannot be changed afterwards.'),
  ('invoice_frozen', 409, 'A finalized invoice cannot be edited.'),
  ('illegal_transition', 409, 'The invoice cannot go from its state to that one.'),
  ('client_blocked', 409, 'The client cannot be billed; the message says why.'),
  ('invoice_held', 409, 'The draft is above a limit and waits for a person to release it.'),
  ('period_not_over', 409, 'The period has not ended in the client''s time zone.'),
  ('period_already_invoiced', 409, 'The period has a live invoice.'),
  ('credit_exceeds_invoice', 409, 'More would be credited than is left on the invoice.'),
  ('currency_mismatch', 409, 'Amounts of two currencies would meet on one invoice.'),
  ('unknown_log', 404, 'No usage log has this id.'),
  ('invalid_correction', 409, 'A correction would record something else than what it corrects.'),
  ('unknown_delivery', 404, 'No delivery has this id.'),
  ('stripe_total_differs', 409, 'Stripe''s total of an invoice is not ours.'),
  ('base_fee_billed_twice', 409, 'A base fee is billed by Stripe or by us, not by both.'),
  ('correction_refused', 400, 'Usage events cannot correct logs: that is an operator''s act.'),
  ('payment_terms_refused', 400, 'A way to pay that Stripe does not offer to the client.'),
  ('no_running_period', 409, 'The client has no period at this time: not started yet, or ended.')
on conflict (code) do update
set http_status = excluded.http_status, meaning = excluded.meaning;
