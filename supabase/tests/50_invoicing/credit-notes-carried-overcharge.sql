-- What of an overcharge no invoice had enough left to credit is set off against later usage of the
-- same line; it stops no run, its own or another client's.
begin;
select plan(7);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-4000-8000-000000000a49', 'Carried', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b49', 'Item', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor)
select id, 0 from public.clients;
create function pg_temp.log(id uuid, searches bigint, day date) returns void language sql as $$
  insert into public.agent_usage_logs (id, agent, model, web_searches, client_id, "timestamp")
  values (id, 'S', 'claude-sonnet', searches, '00000000-0000-4000-8000-000000000a49', day);
$$;

-- 10.00 are invoiced and 8.00 credited by hand; half of the call is taken back: of 5.00, 2.00 can
-- be credited and 3.00 wait.
select pg_temp.log('00000000-0000-4000-8000-000000000149', 1000, '2026-06-10');
select billing.run_monthly('2026-07-01');
select billing.issue_credit_note((select id from public.invoices), 'goodwill', 800);
select billing.correct_log('00000000-0000-4000-8000-000000000149', '{"web_searches": 500}',
  'sent twice');
select billing.run_monthly('2026-07-02');
select results_eq($$select l.kind, l.quantity, l.amount_minor from public.credit_note_lines l
  where l.section_start is not null$$, $$values ('usage', 200::numeric, 200::bigint)$$,
  '2.00 of the line are credited');
select results_eq($$select net_minor from _billing.late_sections(array[
    ('00000000-0000-4000-8000-000000000a49', '2026-06-01', '2026-07-01')::billing.rating_target])$$,
  $$values (-300::numeric)$$, '3.00 of the overcharge wait for more usage');

-- Late usage of 9.00 meets it, beside another client's item.
select pg_temp.log('00000000-0000-4000-8000-000000000249', 900, '2026-06-11');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-4000-8000-000000000b49', 'Set-up', 20, 'USD', '2026-07-05');
select lives_ok($$select billing.run_monthly('2026-08-01')$$, 'the run ends');
select results_eq($$
  select c.name, i.total_minor from public.invoices i join public.clients c on c.id = i.client_id
  where i.period_start = '2026-07-01' order by 1$$,
  $$values ('Carried', 600::bigint), ('Item', 2000)$$,
  'the 3.00 are set off against the 9.00; the other client is billed');
select results_eq($$
  select section_start from public.invoice_items$$,
  $$values ('2026-07-01'::date)$$, 'the item belongs to the period that charged it');

select is(_billing.item_of('minimum'), null, 'the line of a minimum charges for no item');
select is(_billing.item_of('item|00000000-0000-4000-8000-000000000b49'),
  '00000000-0000-4000-8000-000000000b49'::uuid, 'the line of an item does');

select * from finish();
rollback;
