-- One-off items go on the invoice of their day's month, or on one of their own; a preview is the
-- invoice, to the cent.
begin;
select plan(13);

insert into public.clients (id, name, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, discount_percent, taxes)
values ('00000000-0000-0000-0000-00000000000a', 5000, 10,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp") values
  ('S', 'claude-sonnet', 10000000, '00000000-0000-0000-0000-00000000000a', '2026-06-10');
insert into public.invoice_items (client_id, description, quantity, unit_amount, currency, item_day)
values
  ('00000000-0000-0000-0000-00000000000a', 'Training', 1.5, 99.99, 'USD', '2026-06-30'),
  ('00000000-0000-0000-0000-00000000000a', 'July set-up', 1, 10, 'USD', '2026-07-01');

create temporary table preview as select billing.preview_invoice(
  '00000000-0000-0000-0000-00000000000a', '2026-06-15', '2026-06-20 00:00+00') as document;
select is((select count(*) from public.invoices), 0::bigint, 'a preview leaves nothing behind');
select is((select document ->> 'status' from preview), 'draft', 'it is a draft');
select billing.run_monthly('2026-07-01 00:00+00');
-- 50.00 less 10 % is 45.00; training 1.5 * 99.99 = 149.985: 149.99, not discounted; 20 % of 194.99.
select results_eq($$select subtotal_minor, discount_minor, tax_minor, total_minor
    from public.invoices$$, $$values (19999::bigint, 500::bigint, 3900::bigint, 23399::bigint)$$,
  'an item is charged with its month: not discounted, taxed');
select is((select document -> 'totals' from preview), (select document -> 'totals'
  from public.invoices), 'the preview''s totals are the invoice''s');
select is((select document -> 'lines' from preview), (select document -> 'lines'
  from public.invoices), 'so are its lines');
select is((select document -> 'taxes' from preview), (select document -> 'taxes'
  from public.invoices), 'and its taxes');
select is((select section_start from public.invoice_items where description = 'Training'),
  '2026-06-01'::date, 'the item is taken');
select is((select section_start from public.invoice_items where description = 'July set-up'), null,
  'an item of July waits');

-- On its own, at once.
select isnt(billing.create_one_off_invoice(array(select id from public.invoice_items
  where description = 'July set-up'), '2026-07-02 00:00+00'), null, 'it may have its own invoice');
select billing.finalize_invoice((select id from public.invoices where kind = 'one_off'),
  '2026-07-02 00:00+00');
select is((select total_minor from public.invoices where kind = 'one_off'), 1200::bigint,
  '10.00 and 20 %');
select billing.run_monthly('2026-08-01 00:00+00');
select is((select subtotal_minor from public.invoices where period_start = '2026-07-01'),
  5000::bigint, 'then July does not charge it again');

prepare item as insert into public.invoice_items (client_id, description, unit_amount, currency,
  item_day)
values ('00000000-0000-0000-0000-00000000000a', repeat('x', $1), 1, 'USD', '2026-07-01');
select throws_ok('execute item(501)', '23514', null,
  'a description of more than 500 characters is on no invoice');
select lives_ok('execute item(500)', 'one of 500 may be');
select * from finish();
rollback;
