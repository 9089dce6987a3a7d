-- A small world under the schema of a release: written down with it, and run by its own functions.
-- Five clients that differ in what rating looks at, a month that is billed, and all that can happen
-- to an invoice afterwards; then half a month that is not.
insert into public.clients (name, external_id, email, started_on, time_zone) values
  ('Acme', 'acme', 'ap@acme.example', '2026-06-01', 'UTC'),
  ('Birch', 'birch', 'ap@birch.example', '2026-06-01', 'America/New_York'),
  ('Cedar', 'cedar', null, '2026-06-10', 'Asia/Tokyo'),
  ('Dune', 'dune', 'ap@dune.example', '2026-06-01', 'UTC'),
  ('Elm', 'elm', 'ap@elm.example', '2026-06-01', 'UTC');
insert into public.billing_config (client_id, minimum_minor, discount_percent, taxes)
select id, 0, 10, '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]'
from public.clients where name = 'Dune';
insert into public.prices (client_id, metric, pricing_model, tiers)
select id, 'web_searches', 'graduated', '[{"up_to": 100, "unit_amount": "0.05"},
  {"up_to": null, "unit_amount": "0.02"}]'
from public.clients where name = 'Elm';
insert into public.agent_assignments (agent, client_id)
select 'SCHOLAR', id from public.clients where name = 'Acme';
insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, web_searches,
  total_cost, client_id, metadata, "timestamp")
select 'CHIRON', (array['claude-sonnet', 'claude-opus', 'gpt-4o'])[1 + n % 3], n * 50000,
  n * 20000, n % 7, 0.001 * n, c.id, jsonb_build_object('cache_read_tokens', n),
  '2026-06-01'::timestamptz + n * interval '11 hours'
from generate_series(1, 100) n join public.clients c on c.name = (
  array['Acme', 'Birch', 'Cedar', 'Dune', 'Elm'])[1 + n % 5];
insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp") values
  ('SCHOLAR', 'claude-sonnet', 5000000, '2026-06-20'),
  ('NOBODY', 'claude-sonnet', 5000000, '2026-06-20');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select id, 'Set-up', 250, 'USD', '2026-06-15' from public.clients where name = 'Birch';
-- Credit that expires, that pays, that is left; and some that begins after the upgrade.
select billing.grant_credit(id, 700, expires_on => '2026-08-01', cost_minor => 500,
  reference => 'june ' || name, as_of => '2026-06-05')
from public.clients where name in ('Acme', 'Dune');
select billing.grant_credit(id, 90000, effective_on => '2026-09-01', as_of => '2026-06-06')
from public.clients where name in ('Acme', 'Cedar');
select billing.run_monthly('2026-07-01 09:00+00');
select billing.record_payment(i.id, 5000, '2026-07-05', 'bank', 'transfer-1')
from public.invoices i join public.clients c on c.id = i.client_id where c.name = 'Birch';
select billing.void_invoice(i.id, 'wrong address') from public.invoices i
join public.clients c on c.id = i.client_id where c.name = 'Elm';
select billing.regenerate_invoice(i.id) from public.invoices i
join public.clients c on c.id = i.client_id where c.name = 'Elm' and i.status = 'void';
select billing.issue_credit_note(i.id, 'goodwill', 100, false, '2026-07-06')
from public.invoices i join public.clients c on c.id = i.client_id where c.name = 'Dune';
-- Credit that is bought and paid, and some that is not paid yet.
select billing.request_top_up(id, 2500, reference => 'top-up of ' || name,
  as_of => '2026-07-07')
from public.clients where name in ('Birch', 'Cedar');
select billing.record_payment(t.invoice_id, 2500, '2026-07-07', 'bank', 'top-up')
from public.top_ups t join public.clients c on c.id = t.client_id where c.name = 'Birch';
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select 'CHIRON', 'claude-sonnet', 3000000, id, '2026-06-25' from public.clients
where name in ('Acme', 'Cedar');
select billing.run_monthly('2026-07-08 09:00+00');
