-- A client has a customer in Stripe's test mode and another one in live mode.
begin;
select plan(1);

insert into public.clients (id, name, email, started_on) values
  ('00000000-0000-4000-8000-000000000a75', 'One', 'one@example.com', '2026-06-01'),
  ('00000000-0000-4000-8000-000000000b75', 'Two', 'two@example.com', '2026-06-01');
select _billing.save_stripe_customer(client::uuid, is_live, customer, 'x') from (values
  ('00000000-0000-4000-8000-000000000b75', true, 'cus_4'),
  ('00000000-0000-4000-8000-000000000a75', false, 'cus_1'),
  ('00000000-0000-4000-8000-000000000a75', true, 'cus_2'),
  ('00000000-0000-4000-8000-000000000b75', false, 'cus_3')) v(client, is_live, customer);
select results_eq($$select c.name, live, f ->> 'stripe_customer_id'
  from public.clients c cross join unnest('{f,t}'::boolean[]) live
  cross join lateral _billing.stripe_client_facts(c.id, live) f order by 1, 2$$, $$values
  ('One', false, 'cus_1'), ('One', true, 'cus_2'), ('Two', false, 'cus_3'),
  ('Two', true, 'cus_4')$$,
  'stripe_client_facts: of that client and mode');

select * from finish();
rollback;
