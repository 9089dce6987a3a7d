-- Drafts: what cannot be billed says why; the rest becomes drafts that can be remade at will.
begin;
select plan(17);

insert into public.clients (id, name, started_on, status, ended_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01', 'active', null),
  ('00000000-0000-0000-0000-00000000000b', 'Birch', '2026-06-01', 'paused', null),
  ('00000000-0000-0000-0000-00000000000c', 'Cedar', '2026-06-01', 'active', null),
  ('00000000-0000-0000-0000-00000000000d', 'Dune', '2026-06-01', 'active', null),
  ('00000000-0000-0000-0000-00000000000e', 'Elm', '2026-06-01', 'active', '2026-06-20');
insert into public.billing_config (client_id, minimum_minor, payment_terms_days)
select id, 0, 10 from public.clients where name in ('Acme', 'Dune', 'Elm');
insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp") values
  ('S', 'claude-sonnet', 1000000, '00000000-0000-0000-0000-00000000000a', '2026-06-20'),
  ('S', 'mystery', 7, '00000000-0000-0000-0000-00000000000c', '2026-06-20');
insert into public.invoice_items (id, client_id, description, unit_amount, currency, item_day)
select ('00000000-0000-0000-0000-00000000000' || n)::uuid, c.id, v.description, v.amount,
  v.currency, '2026-06-10'
from (values (1, 'Acme', 'Set-up', 20, 'USD'), (2, 'Dune', 'Up', 5, 'USD'),
  (3, 'Dune', 'Down', -5, 'USD'), (4, 'Cedar', 'Euro', 1, 'EUR'), (5, 'Elm', 'Back', -3, 'USD')
) v(n, client, description, amount, currency) join public.clients c on c.name = v.client;
select billing.rollup();
create function pg_temp.june(variadic names text[]) returns billing.rating_target[]
language sql as $$
  select array_agg((id, '2026-06-01', '2026-07-01')::billing.rating_target order by name)
  from public.clients where name = any (names);
$$;

select results_eq($$
  select c.name, b.reason, b.message from billing.blocked_targets(
    pg_temp.june('Acme', 'Birch', 'Cedar', 'Dune', 'Elm')) b
  join public.clients c on c.id = b.client_id order by 1, 2$$,
  $$values ('Birch', 'client_paused', 'Birch is paused'),
    ('Cedar', 'currency_mismatch',
      'invoice item ''Euro'' is in EUR, the client is billed in USD'),
    ('Cedar', 'unpriced_usage', 'no price for input_tokens of model mystery (7 units) in '
      'June 2026: add it to prices and run again'),
    ('Elm', 'negative_total', 'the period adds up to -300 minor units')$$,
  'what cannot be billed says why');

-- Steps of a draft.
create temporary table draft_lines (invoice_id uuid, home_start date, currency text,
  line billing.rated_line, is_late boolean);
insert into draft_lines
select null, (d.line).section_start, 'USD', d.line, false
from billing.section_deltas(pg_temp.june('Acme')) d;
select is(cardinality(billing.write_draft_headers(pg_temp.june('Acme'))), 1,
  'one draft per client and period that has lines');
select results_eq($$select client_id, status, period_start, period_end, currency,
    payment_terms_days, total_minor from public.invoices$$,
  $$values ('00000000-0000-0000-0000-00000000000a'::uuid, 'draft', '2026-06-01'::date,
    '2026-07-01'::date, 'USD', 10::smallint, 0::bigint)$$, 'under the terms of its period, empty');
select is((select count(*) from draft_lines x join public.invoices i on i.id = x.invoice_id),
  2::bigint, 'the lines know their draft');
delete from draft_lines;
select is(billing.write_draft_headers(pg_temp.june('Acme')), '{}', 'without lines there is none');
select is_empty('select * from public.invoices', 'and the one that there was is gone');
drop table draft_lines;

create temporary table drafts as
select unnest(billing.draft_invoices(pg_temp.june('Acme', 'Dune'), '{}')) as id;
select results_eq('select total_minor, subtotal_minor from public.invoices join drafts using (id)',
  $$values (2300::bigint, 2300::bigint)$$, '3.00 of usage and 20.00; up and down come to nothing');
select results_eq($$select l.position, l.kind, l.amount_minor from public.invoice_lines l
    join drafts on drafts.id = l.invoice_id order by 1$$,
  $$values (1, 'usage', 300::bigint), (2, 'one_off', 2000)$$, 'usage first, items after it');
select is((select document #>> '{totals,total_minor}' from public.invoices join drafts using (id)),
  '2300', 'with its document');
select is(billing.draft_invoices(pg_temp.june('Acme', 'Dune'), '{}'),
  array(select id from drafts), 'made again it is the same draft');
select is((select count(*) from public.invoice_lines), 2::bigint, 'with the same lines');

-- Totals are sums of lines.
insert into public.invoice_lines (invoice_id, position, kind, rating_key, precise_amount,
  amount_minor, tax_name, tax_rate_percent, tax_behavior, tax_base_minor, description)
select id, v.* from drafts cross join (values
  (8, 'discount', 'discount', -1, -100, null, null::numeric, null, null::bigint, 'Discount'),
  (9, 'tax', 'tax|1', 0.5, 50, 'VAT', 5, 'exclusive', 1000, 'VAT'),
  (10, 'tax', 'tax|2', 0.2, 20, 'Levy', 2, 'inclusive', 1000, 'Levy')) v;
select billing.write_totals(array(select id from drafts));
select results_eq($$select subtotal_minor, discount_minor, tax_minor, tax_included_minor,
    total_minor from public.invoices$$,
  $$values (2300::bigint, 100::bigint, 50::bigint, 20::bigint, 2250::bigint)$$,
  'discount off, tax on, contained tax neither');

-- Nothing to pay, no invoice; an item that met usage is spent.
update public.invoice_lines set amount_minor = 0;
select billing.write_totals(array(select id from drafts));
select is(billing.drop_zero_drafts(array(select id from drafts)), '{}', 'a zero draft is dropped');
select is_empty('select * from public.invoices', 'it is gone');
select results_eq($$select description from public.invoice_items where section_start is not null$$,
  $$values ('Set-up')$$, 'an item that stood beside usage is settled with it');

-- Over and settled.
set local billing.as_of = '2026-07-01';
select ok(billing.has_ended('00000000-0000-0000-0000-00000000000e'), 'who has left has ended');
insert into public.billing_periods (client_id, period_start, period_end, full_days, state)
values ('00000000-0000-0000-0000-00000000000e', '2026-06-01', '2026-07-01', 30, 'pending');
select ok(not billing.has_ended('00000000-0000-0000-0000-00000000000e')
  and not billing.has_ended('00000000-0000-0000-0000-00000000000a'),
  'not while a period is unsettled; who stays has not');

select * from finish();
rollback;
