-- Tax that is contained in the amounts is no revenue, neither when charged nor when given back.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000a51', 'One', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, taxes)
values ('00000000-0000-4000-8000-000000000a51', 6000,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "inclusive"}]');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
values ('S', 'claude-sonnet', 1, '00000000-0000-4000-8000-000000000a51', '2026-06-10');
select billing.run_monthly('2026-07-01');
select billing.issue_credit_note(id, 'outage', 1200, false, '2026-07-02') from public.invoices;
select billing.refresh_dashboards();
-- 60.00 contain 10.00, 12.00 contain 2.00.
select is((select sum(revenue_minor) from billing.client_margin), 4000::numeric,
  'client_margin: 50.00 less 10.00');

select * from finish();
rollback;
