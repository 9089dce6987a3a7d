-- Drafts: what cannot be billed says why; the rest becomes drafts that can be remade at will.
begin;
select plan(27);

insert into public.clients (id, name, started_on, status, ended_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01', 'active', null),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01', 'active', null),
  ('00000000-0000-0000-0000-00000000000c', 'Cedar', '2026-06-01', 'active', null),
  ('00000000-0000-0000-0000-00000000000d', 'Dune', '2026-06-01', 'active', null),
  ('00000000-0000-0000-0000-00000000000e', 'Elm', '2026-06-01', 'active', '2026-06-20');
insert into public.billing_config (client_id, minimum_minor, payment_terms_days)
select id, 0, 10 from public.clients where name in ('Acme', 'Dune', 'Elm');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp") values
  ('S', 'claude-sonnet', 1000000, '00000000-0000-0000-0000-00000000000a', '2026-06-20'),
  ('S', 'mystery', 7, '00000000-0000-0000-0000-00000000000c', '2026-06-20');
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
values ('00000000-0000-0000-0000-00000000000b', 'Yen', 1, 'JPY', '2026-06-10');
insert into public.invoice_items (id, client_id, description, unit_amount, currency, item_day)
select ('00000000-0000-0000-0000-00000000000' || n)::uuid, c.id, v.description, v.amount,
  v.currency, '2026-06-10'
from (values (1, 'Acme', 'Set-up', 20, 'USD'), (2, 'Dune', 'Up', 5, 'USD'),
  (3, 'Dune', 'Down', -5, 'USD'), (4, 'Cedar', 'Euro', 1, 'EUR'), (5, 'Elm', 'Back', -3, 'USD')
) v(n, client, description, amount, currency) join public.clients c on c.name = v.client;
select _billing.rollup();
create function pg_temp.june(variadic names text[]) returns billing.rating_target[]
language sql as $$
  select array_agg((id, '2026-06-01', '2026-07-01')::billing.rating_target order by name)
  from public.clients where name = any (names);
$$;

select results_eq($$
  select c.name, b.reason, b.message from _billing.blocked_targets(
    pg_temp.june('Acme', 'Birch', 'Cedar', 'Dune', 'Elm')) b
  join public.clients c on c.id = b.client_id order by 1, 2$$,
  $$values ('Birch', 'currency_mismatch',
      'invoice item ''Yen'' is in JPY, the client is billed in USD'),
    ('Cedar', 'currency_mismatch',
      'invoice item ''Euro'' is in EUR, the client is billed in USD'),
    ('Cedar', 'unpriced_usage', 'no price for input_tokens of model mystery (7 units) in '
      'June 2026: add it to prices and run again'),
    ('Elm', 'negative_total', 'the period adds up to -300 minor units')$$,
  'each blocked period has a reason and a message');

-- Steps of a draft.
select results_eq($$select model, metric, quantity, total, largest
    from unnest(_billing.rate_drafts(pg_temp.june('Acme', 'Cedar'))) order by 1, 4$$, $$values
    ('mystery', 'input_tokens', 7::numeric, null::numeric, null::numeric),
    (null, null, null, 2300, 2300), (null, null, null, 5000, 5000)$$,
  'rating finds what each section comes to, and what has no price');
select set_eq('select kind, amount_minor from pg_temp.draft_lines', $$values
    ('usage', 300::numeric), ('one_off', 2000), ('unpriced', null), ('minimum', 5000)$$,
  'its lines are at hand');
select results_eq($$select total, largest from _billing.rating_summary(array(
    select l::_billing.rated_line from pg_temp.draft_lines l where l.kind <> 'unpriced'
      and l.client_id = '00000000-0000-0000-0000-00000000000a'))$$,
  'values (2300::numeric, 2300::numeric)', 'lines given as they are come to the same');
select results_eq($$select reason from _billing.blocking_reasons(pg_temp.june('Acme', 'Cedar'),
    _billing.rate_drafts(pg_temp.june('Acme', 'Cedar'))) order by 1$$,
  $$values ('currency_mismatch'), ('unpriced_usage')$$,
  'the findings of rating name the blocked periods');
select _billing.reduce_to_deltas(pg_temp.june('Acme'), '{}');
select set_eq('select kind, amount_minor from pg_temp.draft_lines',
  $$values ('usage', 300::numeric), ('one_off', 2000)$$, 'of other targets nothing is kept');
select _billing.assign_target_invoices(pg_temp.june('Acme'), '{}', '{}');
select results_eq('select section_start, home_start, is_late, currency from pg_temp.draft_sections',
  $$values ('2026-06-01'::date, '2026-06-01'::date, false, 'USD')$$,
  'a due period goes on its own draft');
select results_eq(
  'select home_start, subtotal, tax, tax_included, has_charges from _billing.draft_sums()',
  $$values ('2026-06-01'::date, 2300::numeric, 0::numeric, 0::numeric, true)$$,
  'with the sum of its lines');
select is(cardinality(_billing.write_draft_headers(pg_temp.june('Acme'))), 1,
  'one draft per client and period that has lines');
select results_eq($$select client_id, status, period_start, period_end, currency,
    payment_terms_days, total_minor from public.invoices$$,
  $$values ('00000000-0000-0000-0000-00000000000a'::uuid, 'draft', '2026-06-01'::date,
    '2026-07-01'::date, 'USD', 10::smallint, 2300::bigint)$$,
  'under the terms of its period, with the sums of its lines');
select is((select s.invoice_id from pg_temp.draft_sections s), (select id from public.invoices),
  'the section knows its draft');
insert into public.invoice_lines (invoice_id, position, kind, rating_key, precise_amount,
  amount_minor, description) select id, 1, 'usage', 'x', 1, 1, 'x' from public.invoices;
select _billing.empty_drafts(pg_temp.june('Acme'));
select is_empty('select * from public.invoice_lines', 'a draft is emptied before it is remade');
select is(_billing.overcharged_targets(pg_temp.june('Acme')), '{}', 'nobody is owed anything');
update pg_temp.draft_lines set amount_minor = -amount_minor;
select is(_billing.overcharged_targets(pg_temp.june('Acme', 'Dune')), pg_temp.june('Acme'),
  'a target that is rated below what is booked is');
truncate pg_temp.draft_lines;
select is(_billing.write_draft_headers(pg_temp.june('Acme')), '{}', 'without lines there is none');
select is_empty('select * from public.invoices', 'and the one that there was is gone');

create temporary table drafts as
select unnest(_billing.draft_invoices(pg_temp.june('Acme', 'Dune'), '{}')) as id;
select results_eq('select total_minor, subtotal_minor from public.invoices join drafts using (id)',
  $$values (2300::bigint, 2300::bigint)$$, '3.00 of usage and 20.00; up and down come to nothing');
select results_eq($$select l.position, l.kind, l.amount_minor from public.invoice_lines l
    join drafts on drafts.id = l.invoice_id order by 1$$,
  $$values (1, 'usage', 300::bigint), (2, 'one_off', 2000)$$, 'usage first, items after it');
select is((select document #>> '{totals,total_minor}' from public.invoices join drafts using (id)),
  '2300', 'with its document');
select _billing.rate_drafts(pg_temp.june('Acme', 'Dune'));
select is(_billing.make_drafts(pg_temp.june('Acme', 'Dune'), '{}'),
  array(select id from drafts), 'made again it is the same draft');
select is((select count(*) from public.invoice_lines), 2::bigint, 'with the same lines');

-- Totals are sums of lines.
insert into public.invoice_lines (invoice_id, position, kind, rating_key, precise_amount,
  amount_minor, tax_name, tax_rate_percent, tax_behavior, tax_base_minor, description)
select id, v.* from drafts cross join (values
  (8, 'discount', 'discount', -1, -100, null, null::numeric, null, null::bigint, 'Discount'),
  (9, 'tax', 'tax|1', 0.5, 50, 'VAT', 5, 'exclusive', 1000, 'VAT'),
  (10, 'tax', 'tax|2', 0.2, 20, 'Levy', 2, 'inclusive', 1000, 'Levy')) v;
select _billing.write_totals(array(select id from drafts));
select results_eq($$select subtotal_minor, discount_minor, tax_minor, tax_included_minor,
    total_minor from public.invoices$$,
  $$values (2300::bigint, 100::bigint, 50::bigint, 20::bigint, 2250::bigint)$$,
  'discount off, tax on, contained tax neither');

-- Nothing to pay, no invoice; an item that met usage is spent, items that meet each other wait.
insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
select id, 'Allowance', -23, 'USD', '2026-06-11' from public.clients where name = 'Acme';
select is(_billing.draft_invoices(pg_temp.june('Acme', 'Dune'), '{}'), '{}',
  'a zero draft is dropped');
select is_empty('select * from public.invoices', 'it is gone');
select results_eq($$select description from public.invoice_items where section_start is not null
    order by 1$$,
  $$values ('Allowance'), ('Set-up')$$, 'an item that stood beside usage is settled with it');

-- Over and settled.
set local billing.as_of = '2026-07-01';
select ok(billing.has_ended('00000000-0000-0000-0000-00000000000e'),
  'a client that left has ended');
insert into public.billing_periods (client_id, period_start, period_end, full_days, state)
values ('00000000-0000-0000-0000-00000000000e', '2026-06-01', '2026-07-01', 30, 'pending');
select ok(not billing.has_ended('00000000-0000-0000-0000-00000000000e')
  and not billing.has_ended('00000000-0000-0000-0000-00000000000a'),
  'not while a period is unsettled; who stays has not');

select * from finish();
rollback;
