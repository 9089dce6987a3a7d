-- From charges to the total: minimum, discount, tax, in this order, each rounded once. Every case
-- is a client with so many input tokens of Sonnet (3.00 USD per million) and searches (0.01 USD)
-- in June 2026; the expected minor units are worked out by hand in `rule`.
begin;
select plan(4);

create temporary table cases (rule text, currency text, minimum bigint, percent numeric,
  fixed bigint, taxes jsonb, started date, ended date, tokens bigint, searches bigint,
  subtotal bigint, discount bigint, tax bigint, included bigint, total bigint);
insert into cases values
  ('usage alone: 10M * 3.00', 'USD', 0, null, null, '[]', null, null, 10000000, 0, 3000, 0, 0, 0,
    3000),
  ('one rounding per line: 0.005 and 0.01', 'USD', 0, null, null, '[]', null, null, 1667, 1, 2, 0,
    0, 0, 2),
  ('half a cent rounds up: 5000 tokens are 0.015', 'USD', 0, null, null, '[]', null, null, 5000, 0,
    2, 0, 0, 0, 2),
  ('below half a cent is nothing, zero is skipped', 'USD', 0, null, null, '[]', null, null, 1000, 0,
    null, null, null, null, null),
  ('true-up to the minimum: 50.00 - 30.00', 'USD', 5000, null, null, '[]', null, null, 10000000, 0,
    5000, 0, 0, 0, 5000),
  ('the minimum exactly reached adds nothing', 'USD', 3000, null, null, '[]', null, null, 10000000,
    0, 3000, 0, 0, 0, 3000),
  ('a cent below it adds a cent', 'USD', 3001, null, null, '[]', null, null, 10000000, 0, 3001, 0,
    0, 0, 3001),
  ('no usage at all: the minimum', 'USD', 5000, null, null, '[]', null, null, 0, 0, 5000, 0, 0, 0,
    5000),
  ('started on the 16th: 15 of 30 days of 50.00', 'USD', 5000, null, null, '[]', '2026-06-16', null,
    0, 0, 2500, 0, 0, 0, 2500),
  ('started on the 30th: 1 of 30 days, 1.6667 rounds to 1.67', 'USD', 5000, null, null, '[]',
    '2026-06-30', null, 0, 0, 167, 0, 0, 0, 167),
  ('ended on the 2nd: 1 of 30 days', 'USD', 5000, null, null, '[]', null, '2026-06-02', 0, 0, 167,
    0, 0, 0, 167),
  ('started 11th, ended 21st: 10 of 30 days', 'USD', 5000, null, null, '[]', '2026-06-11',
    '2026-06-21', 0, 0, 1667, 0, 0, 0, 1667),
  ('started and never served a day: nothing', 'USD', 5000, null, null, '[]', '2026-06-11',
    '2026-06-11', 0, 0, null, null, null, null, null),
  ('10 % off 30.00', 'USD', 0, 10, null, '[]', null, null, 10000000, 0, 3000, 300, 0, 0, 2700),
  ('discount after minimum: 10 % off 50.00', 'USD', 5000, 10, null, '[]', null, null, 10000000, 0,
    5000, 500, 0, 0, 4500),
  ('33.3333 % of 0.50 is 0.1666665: 17', 'USD', 50, 33.3333, null, '[]', null, null, 0, 0, 50, 17,
    0, 0, 33),
  ('half a cent of discount counts: 1 % of 0.50', 'USD', 50, 1, null, '[]', null, null, 0, 0, 50, 1,
    0, 0, 49),
  ('5.00 off', 'USD', 0, null, 500, '[]', null, null, 10000000, 0, 3000, 500, 0, 0, 2500),
  ('a fixed discount is never more than the charges', 'USD', 0, null, 9900, '[]', null, null,
    10000000, 0, null, null, null, null, null),
  ('100 % off is zero, skipped', 'USD', 5000, 100, null, '[]', null, null, 0, 0, null, null, null,
    null, null),
  ('19 % VAT on 30.00', 'USD', 0, null, null, '[{"name": "VAT", "rate_percent": "19",
    "behavior": "exclusive"}]', null, null, 10000000, 0, 3000, 0, 570, 0, 3570),
  ('tax after discount: 19 % of 27.00', 'USD', 0, 10, null, '[{"name": "VAT", "rate_percent": "19",
    "behavior": "exclusive"}]', null, null, 10000000, 0, 3000, 300, 513, 0, 3213),
  ('tax on the minimum too: 19 % of 50.00', 'USD', 5000, null, null, '[{"name": "VAT",
    "rate_percent": "19",
    "behavior": "exclusive"}]', null, null, 10000000, 0, 5000, 0, 950, 0, 5950),
  ('8.875 % of 30.00 is 2.6625: 2.66', 'USD', 0, null, null, '[{"name": "Sales tax",
    "rate_percent": "8.875",
    "behavior": "exclusive"}]', null, null, 10000000, 0, 3000, 0, 266, 0, 3266),
  ('half a cent of tax rounds up: 5 % of 0.50 is 0.025', 'USD', 50, null, null, '[{"name": "GST",
    "rate_percent": "5", "behavior": "exclusive"}]', null, null, 0, 0, 50, 0, 3, 0, 53),
  ('two taxes, each on the net: 5 % and 9.975 % of 100.00', 'USD', 10000, null, null,
    '[{"name": "GST", "rate_percent": "5", "behavior": "exclusive"}, {"name": "QST",
    "rate_percent": "9.975",
    "behavior": "exclusive"}]', null, null, 0, 0, 10000, 0, 1498, 0, 11498),
  ('inclusive: 19 % within 119.00 is 19.00', 'USD', 11900, null, null, '[{"name": "MwSt",
    "rate_percent": "19", "behavior": "inclusive"}]', null, null, 0, 0, 11900, 0, 0, 1900, 11900),
  ('inclusive after discount: 19 % within 107.10 is 17.10', 'USD', 11900, 10, null,
    '[{"name": "MwSt", "rate_percent": "19", "behavior": "inclusive"}]', null, null, 0, 0, 11900,
    1190, 0, 1710, 10710),
  ('inclusive 10 % within 30.00 is 2.727: 2.73', 'USD', 0, null, null, '[{"name": "GST",
    "rate_percent": "10",
    "behavior": "inclusive"}]', null, null, 10000000, 0, 3000, 0, 0, 273, 3000),
  ('reverse charge: noted, not charged', 'USD', 5000, null, null, '[{"name": "VAT",
    "rate_percent": "19", "behavior": "reverse_charge",
    "note": "Reverse charge"}]', null, null, 0, 0, 5000, 0, 0, 0, 5000),
  ('a tax on searches alone: 10 % of 5.00', 'USD', 0, null, null, '[{"name": "Levy",
    "rate_percent": "10", "behavior": "exclusive",
    "applies_to": ["web_searches"]}]', null, null, 10000000, 500, 3500, 0, 50, 0, 3550),
  ('a tax on the minimum alone: 10 % of 20.00', 'USD', 5000, null, null, '[{"name": "Levy",
    "rate_percent": "10", "behavior": "exclusive",
    "applies_to": ["minimum"]}]', null, null, 10000000, 0, 5000, 0, 200, 0, 5200),
  ('a discount reduces what a tax on searches holds for: 10 % of 4.50', 'USD', 0, 10, null,
    '[{"name": "Levy", "rate_percent": "10", "behavior": "exclusive",
    "applies_to": ["web_searches"]}]', null, null, 10000000, 500, 3500, 350, 45, 0, 3195),
  ('tax of 0 %: a line, no money', 'USD', 5000, null, null, '[{"name": "Zero rated",
    "rate_percent": "0", "behavior": "exclusive"}]', null, null, 0, 0, 5000, 0, 0, 0, 5000),
  ('JPY has no decimals: 10M * 450 yen', 'JPY', 0, null, null, '[]', null, null, 10000000, 0, 4500,
    0, 0, 0, 4500),
  ('JPY: 1111 tokens are 0.49995 yen: nothing', 'JPY', 0, null, null, '[]', null, null, 1111, 0,
    null, null, null, null, null),
  ('JPY: 10 % of 4505 is 450.5: 451', 'JPY', 4505, null, null, '[{"name": "消費税",
    "rate_percent": "10", "behavior": "exclusive"}]', null, null, 0, 0, 4505, 0, 451, 0, 4956),
  ('JPY: minimum 5000 for 10 of 30 days is 1666.67: 1667', 'JPY', 5000, null, null, '[]',
    '2026-06-21', null, 0, 0, 1667, 0, 0, 0, 1667),
  ('JPY: the default minimum is in USD and does not hold', 'JPY', null, null, null, '[]', null,
    null, 10000000, 0, 4500, 0, 0, 0, 4500),
  ('KWD has three decimals: 10M * 0.9225 KWD', 'KWD', 0, null, null, '[]', null, null, 10000000, 0,
    9225, 0, 0, 0, 9225),
  ('KWD: 0.9225 rounds to 0.923', 'KWD', 0, null, null, '[]', null, null, 1000000, 0, 923, 0, 0, 0,
    923),
  ('KWD: 5 % of 9.225 is 0.46125: 0.461', 'KWD', 0, null, null, '[{"name": "VAT",
    "rate_percent": "5",
    "behavior": "exclusive"}]', null, null, 10000000, 0, 9225, 0, 461, 0, 9686),
  ('the default minimum of 50.00 where nothing else is said', 'USD', null, null, null, '[]', null,
    null, 0, 0, 5000, 0, 0, 0, 5000);

insert into public.prices (family, metric, currency, unit_amount, per_units) values
  ('claude-sonnet', 'input_tokens', 'JPY', 450, 1000000),
  ('claude-sonnet', 'input_tokens', 'KWD', 0.9225, 1000000);
insert into public.clients (name, started_on, ended_on)
select rule, coalesce(started, '2026-06-01'), ended from cases;
insert into public.billing_config (client_id, currency, minimum_minor, discount_percent,
  discount_minor, taxes)
select c.id, k.currency, k.minimum, k.percent, k.fixed, k.taxes
from cases k join public.clients c on c.name = k.rule;
insert into public.agent_usage_logs (agent, model, input_tokens, web_searches, client_id,
  "timestamp")
select 'SCHOLAR', 'claude-sonnet', k.tokens, k.searches, c.id, '2026-06-15'
from cases k join public.clients c on c.name = k.rule where k.tokens + k.searches > 0;
select billing.run_monthly('2026-07-01 00:00+00');

select results_eq($$
  select k.rule, i.subtotal_minor, i.discount_minor, i.tax_minor, i.tax_included_minor,
    i.total_minor
  from cases k join public.clients c on c.name = k.rule
  left join public.invoices i on i.client_id = c.id order by k.rule$$,
  $$select rule, subtotal, discount, tax, included, total from cases order by rule$$,
  'every case comes to what its rule says');
select is_empty($$select rule from cases k join public.clients c on c.name = k.rule
  join public.billing_periods p on p.client_id = c.id and p.state = 'blocked'$$,
  'none is blocked');
select is_empty($$
  select i.number from public.invoices i where i.total_minor <> (
    select sum(l.amount_minor) filter (where l.tax_behavior is distinct from 'inclusive')
    from public.invoice_lines l where l.invoice_id = i.id)$$,
  'totals are sums of rounded lines');
select is_empty($$
  select k.rule from cases k join public.clients c on c.name = k.rule
  join public.invoices i on i.client_id = c.id
  where (i.document #>> '{totals,total_minor}')::bigint <> i.total_minor
    or jsonb_array_length(i.document -> 'taxes') <> jsonb_array_length(k.taxes)
      and not k.taxes @> '[{"applies_to": ["minimum"]}]'$$,
  'documents say what the invoices say, and name every tax');

select * from finish();
rollback;
