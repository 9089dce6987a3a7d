-- Usage that only a credit note has charged for is as good a charge as any: where it is taken back,
-- the line says what for, with its quantity. The minimum alone is taxed here, so usage that takes
-- its place lowers the tax: 30.00 of 50.00 is 3.00 less tax, which is credited.
begin;
select plan(4);

insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-00000000c460', 'Taken Back Ltd', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor, taxes)
values ('00000000-0000-4000-8000-00000000c460', 5000,
  '[{"name": "GST", "rate_percent": "10", "behavior": "exclusive", "applies_to": ["minimum"]}]');
create function pg_temp.log(tokens bigint) returns void language sql as $$
  insert into public.agent_usage_logs (agent, model, input_tokens, client_id, "timestamp")
  select 'S', 'claude-sonnet', tokens, '00000000-0000-4000-8000-00000000c460', '2026-06-10'
  where tokens > 0;
  -- Below zero: so much less than the logs say.
  select count(billing.correct_log(t.id, jsonb_build_object('input_tokens', t.now - t.taken),
    'a test'))
  from (
    select s.id, s.now, least(s.now, -tokens - coalesce(sum(s.now) over (order by s.id
      rows between unbounded preceding and 1 preceding), 0)) as taken
    from (select l.id, (_billing.standing_log(l.id)).input_tokens as now
      from public.agent_usage_logs l where l.corrects_id is null and tokens < 0) s
  ) t where t.taken > 0;
$$;

select billing.run_monthly('2026-07-01 00:00+00');
select pg_temp.log(10000000);
select billing.run_monthly('2026-08-01 00:00+00');
select results_eq($$
  select l.kind, l.model, l.metric, l.quantity, l.amount_minor, l.tax_base_minor
  from public.credit_note_lines l order by l.kind$$,
  $$values ('minimum', null, null, null::numeric, 3000::bigint, null::bigint),
    ('tax', null, null, null, 300, 3000),
    ('usage', 'claude-sonnet', 'input_tokens', -10000000, -3000, null)$$,
  'the note says what it credits and what it charges, as an invoice would');
select results_eq($$
  select n.total_minor, n.document #>> '{taxes,0,base_minor}', n.document #>> '{taxes,0,name}'
  from public.credit_notes n$$,
  $$values (300::bigint, '3000', 'GST')$$,
  'tax of a credit note is that of what it credits');

select pg_temp.log(-10000000);
select billing.run_monthly('2026-09-01 00:00+00');
select results_eq($$
  select l.kind, l.model, l.metric, l.quantity, l.amount_minor, l.description
  from public.invoice_lines l join public.invoices i on i.id = l.invoice_id
  where l.is_late and i.period_start = '2026-08-01' order by l.kind$$,
  $$values
    ('minimum', null, null, null::numeric, 3000::bigint, 'Minimum monthly charge, June 2026'),
    ('tax', null, null, null, 300, 'GST 10 %, June 2026'),
    ('usage', 'claude-sonnet', 'input_tokens', -10000000, -3000,
      'Late usage, June 2026 · Claude Sonnet · input tokens')$$,
  'a late line takes back the charge of a credit note by name');
select is((
  select sum(b.quantity) from _billing.booked_lines(array[('00000000-0000-4000-8000-00000000c460',
    '2026-06-01', '2026-07-01')::billing.rating_target]) b where b.rating_key like 'usage|%'),
  0::numeric, 'nothing stays booked of usage that was taken back');

select * from finish();
rollback;
