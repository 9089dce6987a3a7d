-- A document says all that a reader is shown, in decimal text and whole minor units.
begin;
select plan(16);

update public.billing_settings set seller_name = 'Seller', seller_address = '{Street,Town}',
  seller_tax_id = 'S1', invoice_footer = 'Thanks';
insert into public.clients (id, name, external_id, email, address, tax_id, started_on)
values ('00000000-0000-0000-0000-00000000000a', 'Acme', 'acme', 'a@acme.example', '{Road}', 'A1',
  '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, discount_percent, taxes)
values ('00000000-0000-0000-0000-00000000000a', 0, 50,
  '[{"name": "VAT", "rate_percent": "20", "behavior": "exclusive", "note": "Art. 1"}]');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
select agent, 'claude-sonnet', tokens, '00000000-0000-0000-0000-00000000000a', day
from (values ('SCHOLAR', 1000000, '2026-06-20'::date), ('CHIRON', 1000000, '2026-06-20'),
  ('PLUTUS', 1000000, '2026-06-21'), ('PLUTUS', 333333, '2026-06-22')) v(agent, tokens, day);
select _billing.rollup();
create temporary table made as
select unnest(_billing.draft_invoices(array[('00000000-0000-0000-0000-00000000000a',
  '2026-06-01', '2026-07-01')::billing.rating_target], '{}')) as id;

select results_eq($$select _billing.decimal_text(v)
    from unnest('{1.500,100,0.00,-0.10,12345678901234567890.10,null}'::numeric[]) v$$,
  $$values ('1.5'), ('100'), ('0'), ('-0.1'), ('12345678901234567890.1'), (null)$$,
  'a quantity is exact, without padding and without an exponent');
select is(_billing.json_text(E'a "b" \\ c\n'), '"a \"b\" \\ c\n"', 'text is escaped');
select is(array[_billing.json_text(null), _billing.json_digits(null), _billing.json_digits(1.50)],
  array['null', 'null', '"1.5"'], 'an absent value is null; digits are text');
select is(_billing.document_seller(), '{"name": "Seller", "address": ["Street", "Town"],
  "email": null, "tax_id": "S1", "website": null, "payment_instructions": null,
  "footer": "Thanks"}'::jsonb, 'the seller as the settings say');
select is(_billing.document_client('00000000-0000-0000-0000-00000000000a'), '{"name": "Acme",
  "id": "00000000-0000-0000-0000-00000000000a", "address": ["Road"], "email": "a@acme.example",
  "tax_id": "A1", "external_id": "acme"}'::jsonb, 'the client, without what is only the seller''s');

select results_eq($$select agent, usage_day, quantity, line_quantity, line_minor
    from _billing.document_usage(array(select id from made)) where metric = 'input_tokens'
    order by 1, 2$$, $$values
    ('CHIRON', '2026-06-20'::date, 1000000::numeric, 3333333::numeric, 1000::bigint),
    ('PLUTUS', '2026-06-21', 1000000, 3333333, 1000),
    ('PLUTUS', '2026-06-22', 333333, 3333333, 1000),
    ('SCHOLAR', '2026-06-20', 1000000, 3333333, 1000)$$,
  'each record with the line that charges it');
select is_empty($$select * from _billing.document_usage(array(select id from made))
    where metric = 'requests' and line_id is not null$$, 'usage that is not charged has no line');

create temporary table parts as
select * from _billing.document_breakdown(array(select id from made));
select results_eq($$select a ->> 'agent', (a ->> 'amount_minor')::bigint, a ->> 'input_tokens',
    a ->> 'requests' from parts, json_array_elements(agents) a$$,
  $$values ('PLUTUS', 400::bigint, '1333333', '2'), ('CHIRON', 300, '1000000', '1'),
    ('SCHOLAR', 300, '1000000', '1')$$, 'agents'' shares sum to the line: 10.00');
select results_eq($$select d ->> 'day', (d ->> 'amount_minor')::bigint, d ->> 'tokens'
    from parts, json_array_elements(days) d where d ->> 'tokens' <> '0'$$,
  $$values ('2026-06-20', 600::bigint, '2000000'), ('2026-06-21', 300, '1000000'),
    ('2026-06-22', 100, '333333')$$, 'days say what was used on them');
select is((select json_array_length(days) from parts), 30, 'every day of the period is there');

create temporary table listed as
select * from _billing.document_lines(array(select id from made));
select is((select lines::jsonb #- '{0,detail}' from listed), jsonb_build_array(jsonb_build_object(
  'kind', 'usage', 'description', 'Claude Sonnet · input tokens',
  'period', '{"start": "2026-06-01", "end": "2026-07-01"}'::jsonb, 'agent', null,
  'quantity', '3333333', 'unit', 'tokens', 'unit_price', '3', 'per', '1000000',
  'amount_minor', 1000, 'tiers', null)), 'a line of usage says how it comes about');
select is((select discounts::jsonb from listed),
  '[{"description": "Discount 50 %", "amount_minor": -500}]'::jsonb, 'so does the discount');
select is((select taxes::jsonb from listed),
  '[{"name": "VAT", "rate_percent": "20", "base_minor": 500,
  "behavior": "exclusive", "amount_minor": 100, "note": "Art. 1"}]'::jsonb, 'and the tax');

update public.clients set name = 'Acme & Sons';
update public.invoices set note = 'Hello';
select _billing.write_documents(array(select id from made));
select is((select array[document #>> '{client,name}', document #>> '{notes,0}',
    document #>> '{totals,total_minor}', document ->> 'status'] from public.invoices),
  '{Acme & Sons,Hello,600,draft}', 'written again a draft''s document is as things are now');
select is((select array[document ->> 'number', document ->> 'status', document ->> 'due_on',
    document #>> '{totals,balance_applied_minor}', document #>> '{totals,amount_due_minor}']
    from _billing.documents_of(array(select id from made), array(select (id, 'INV-1', 'open',
      '2026-07-01', '2026-07-31', 100)::_billing.issue from made))),
  '{INV-1,open,2026-07-31,100,500}', 'a document says what its invoice will be when it is issued');
select is((select document -> 'period' from public.invoices),
  '{"start": "2026-06-01", "end": "2026-07-01", "time_zone": "UTC"}'::jsonb,
  'days are named with their zone');

select * from finish();
rollback;
