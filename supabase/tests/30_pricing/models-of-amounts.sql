-- Prices of amounts: a percentage of them, or themselves.
begin;
select plan(7);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000000125', 'Pay Ltd', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
values ('00000000-0000-4000-8000-000000000125', 0);

select results_eq($$select _billing.price_percentage(low, high, 99, 2.9, 1, null)
    from (values (0, 0), (0, 100), (50, 100)) v(low, high)$$,
  $$values (0::numeric), (2.9), (1.45)$$, 'percentage: (high - low) * percent');
select results_eq($$select _billing.price_dynamic(low, high, 99, null, 1, null)
    from (values (0, 0), (0, 12.5), (2.5, 12.5)) v(low, high)$$,
  $$values (0::numeric), (12.5), (10)$$, 'dynamic: what was logged');

select throws_like($$insert into public.prices (metric, pricing_model, unit_amount)
    values ('x', 'dynamic', 1)$$, '%dynamic takes no unit_amount', 'a dynamic price has no amount');
select throws_like($$insert into public.prices (metric, pricing_model)
    values ('x', 'percentage')$$, '%percentage needs unit_amount', 'a percentage says how much');
select throws_like($$insert into public.prices (metric, pricing_model, unit_amount, per_units)
    values ('x', 'percentage', 2.9, 100)$$, '%percentage takes no per_units', 'of each unit');

insert into public.prices (client_id, metric, pricing_model, unit_amount) values
  ('00000000-0000-4000-8000-000000000125', 'payment_volume', 'percentage', 2.9),
  ('00000000-0000-4000-8000-000000000125', 'postage', 'dynamic', null);
insert into public.agent_usage_logs (agent, model, other_features, client_id, "timestamp")
values ('TILL', 'payments', '{"payment_volume": 1000.40, "postage": 3.455}',
  '00000000-0000-4000-8000-000000000125', '2026-06-02 12:00+00');
select _billing.rollup();
-- 1000.40 * 0.029 = 29.0116.
create temporary table made as
select unnest(_billing.draft_invoices(array[('00000000-0000-4000-8000-000000000125', '2026-06-01',
  '2026-07-01')::billing.rating_target], '{}')) as id;
select results_eq($$select metric, quantity, unit_amount, precise_amount, amount_minor, detail
    from public.invoice_lines l join made on made.id = l.invoice_id order by metric$$, $$values
  ('payment_volume', 1000.40, 0.029, 29.0116, 2901::bigint, 'payments · 2.9 %'),
  ('postage', 3.455, null, 3.455, 346, 'payments · amounts as logged')$$,
  'lines say what share; what names its amount has no price per unit');
select is((select d.lines -> 0 ->> 'unit_price' from _billing.document_lines(
    array(select id from made)) d), '0.029', 'and quantity times price is the amount on paper');

select * from finish();
rollback;
