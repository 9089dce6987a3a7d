-- A client whose month cannot be billed is listed with the reason; everybody else gets an invoice.
begin;
select plan(7);

insert into public.clients (name, external_id, started_on)
select n, lower(n), '2026-06-01' from unnest(array['Good', 'Allowance', 'Huge',
  'Foreign item', 'No price']) n;
insert into public.billing_config (client_id, minimum_minor, discount_percent)
select id, 0, case when name = 'Allowance' then 50 end from public.clients where name <> 'Good';
create function pg_temp.client(wanted text) returns uuid language sql as $$
  select id from public.clients where name = wanted;
$$;
update public.billing_settings set max_units_per_event = 9200000000000000;
insert into public.agent_usage_logs (agent, model, input_tokens, client_id,
  other_features, "timestamp") values
  ('S', 'claude-sonnet', 10000000, pg_temp.client('Good'), '{}', '2026-06-10'),
  ('S', 'claude-sonnet', 10000000, pg_temp.client('Allowance'), '{}', '2026-06-10'),
  ('S', 'claude-sonnet', 0, pg_temp.client('Huge'), '{"pdf_processing": 9e15}', '2026-06-10'),
  ('S', 'claude-sonnet', 1, pg_temp.client('Foreign item'), '{}', '2026-06-10'),
  ('S', 'mystery-1', 1, pg_temp.client('No price'), '{}', '2026-06-10');
-- 30.00 less half is 15.00: an allowance of 20.00 leaves less than nothing.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day) values
  (pg_temp.client('Allowance'), 'Allowance', -20, 'USD', '2026-06-15'),
  (pg_temp.client('Foreign item'), 'Set-up', 10, 'EUR', '2026-06-15');

select lives_ok($$select billing.run_monthly('2026-07-01 00:00+00')$$, 'the run goes through');
select results_eq($$select c.name, i.total_minor from public.invoices i
    join public.clients c on c.id = i.client_id$$, $$values ('Good', 5000::bigint)$$,
  'clients that can be billed are billed');
select results_eq($$select c.name, p.reason from public.billing_periods p
    join public.clients c on c.id = p.client_id where p.state = 'blocked' order by 1$$,
  $$values ('Allowance', 'negative_total'), ('Foreign item', 'currency_mismatch'),
    ('Huge', 'amount_out_of_range'), ('No price', 'unpriced_usage')$$,
  'the others are listed with the reason');
select throws_ok(format($$select billing.preview_invoice(%L, '2026-06-10',
  '2026-07-01 00:00+00')$$, pg_temp.client('Huge')), 'PT409', null,
  'a preview says why, too');
select throws_ok(format($$insert into public.invoice_items (client_id, description, unit_amount,
  currency, item_day) values (%L, 'x', 'NaN', 'USD', '2026-06-15')$$, pg_temp.client('Good')),
  '23514', null, 'an item''s amount is a number');
select is((select count(*) from public.invoices where number is null), 0::bigint,
  'nothing half made is left');

select matches((select p.message from public.billing_periods p
    where p.reason = 'amount_out_of_range'), '900000000000000 \(9e14\) is the most that an invoice',
  'an amount that is too large is told with the bound');

select * from finish();
rollback;
