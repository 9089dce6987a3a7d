-- A credit note for usage that was charged with a discount and a tax says all of it: 3.00 of usage,
-- 0.30 of discount that is not given any more, 20 % of 2.70, 3.24 back.
begin;
select plan(1);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000046', 'Acme', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, discount_percent, taxes)
values ('00000000-0000-4000-8000-000000000046', 0, 10,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive"}]');
insert into public.agent_usage_logs (id, agent, model, input_tokens, client_id, "timestamp")
select ('00000000-0000-4000-8000-00000000460' || n)::uuid, 'S', 'claude-sonnet', n * 1000000,
  '00000000-0000-4000-8000-000000000046', '2026-06-10' from unnest('{1,9}'::integer[]) n;
select billing.run_monthly('2026-07-01');
select billing.retract_log('00000000-0000-4000-8000-000000004601', 'sent twice');
select billing.run_monthly('2026-08-01');
select results_eq($$select t.subtotal_minor, t.discount_minor, t.tax_minor, t.tax_included_minor,
    t.total_minor
    from public.credit_notes n cross join jsonb_to_record(n.document -> 'totals')
      t(subtotal_minor bigint, discount_minor bigint, tax_minor bigint,
        tax_included_minor bigint, total_minor bigint)$$,
  $$values (300::bigint, 30::bigint, 54::bigint, 0::bigint, 324::bigint)$$,
  'its totals are told as an invoice''s are');

select * from finish();
rollback;
