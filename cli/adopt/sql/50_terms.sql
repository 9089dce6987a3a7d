-- Moving in, 5: terms. Columns of the earlier billing_config are read by what their names say:
-- a model's family, input or output, what it is counted in. A rate that says no unit is taken as
-- USD per 1,000,000 tokens, as the earlier price list had them. A name that says nothing known is
-- reported, never guessed.
create or replace function billing_adoption.meaning_of(key text)
returns table (what text, family text, metric text, per_units numeric)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
      when n.key ~ '^(id|client_id|is_active|active|status|created_at|updated_at|created_by)$'
        then 'known'
      when n.key ~ 'minimum|(^|_)min_|monthly_min' then 'minimum'
      when n.key ~ 'payment_terms|net_days|due_days|terms_days|days_until_due' then 'terms'
      when n.key ~ '(^|_)currency$' then 'currency'
      when n.metric is not null then 'price' end,
    case when n.metric ~ 'tokens$' then n.family end, n.metric,
    case when n.metric !~ 'tokens$' then case when n.key ~ '1k|thousand' then 1000 else 1 end
      when n.key ~ '1k|thousand' then 1000 when n.key ~ 'per_token(_|$)' then 1 else 1000000 end
  from (select k.key,
    case when k.key ~ 'sonnet' then 'claude-sonnet' when k.key ~ 'opus' then 'claude-opus'
      when k.key ~ 'haiku' then 'claude-haiku' when k.key ~ '4o_mini' then 'gpt-4o-mini'
      when k.key ~ '4o' then 'gpt-4o' when k.key ~ 'gemini.*flash' then 'gemini-1.5-flash'
      when k.key ~ 'gemini.*pro' then 'gemini-1.5-pro' end as family,
    case when k.key ~ 'search' then 'web_searches' when k.key ~ 'pdf' then 'pdf_processing'
      when k.key ~ 'image' then 'image_processing'
      when k.key ~ 'cache.*write|write.*cache' then 'cache_write_tokens'
      when k.key ~ 'cache' then 'cache_read_tokens' when k.key ~ 'reasoning' then 'reasoning_tokens'
      when k.key ~ 'input' then 'input_tokens' when k.key ~ 'output' then 'output_tokens'
      end as metric
    from (select meaning_of.key as key) k) n;
$$;
comment on function billing_adoption.meaning_of is 'What a column of billing_config is for.';

create or replace function billing_adoption.read_terms()
returns table (config_id text, old_client text, key text, value text, what text, family text,
  metric text, per_units numeric, amount numeric, currency text, problem text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with config as (
    select r, coalesce(r ->> 'id', r ->> 'client_id', 'default') as config_id,
      r ->> 'client_id' as old_client,
      coalesce(r ->> 'is_active', r ->> 'active', 'true') = 'true' as is_active,
      row_number() over (partition by r ->> 'client_id',
          coalesce(r ->> 'is_active', r ->> 'active', 'true') = 'true'
        order by r ->> 'updated_at' desc nulls last, r ->> 'created_at' desc nulls last, r ->> 'id')
        as place
    from billing_adoption.rows_of('billing_config') r
  ), cells as (
    select c.*, f.key, f.value, m.*,
      upper(coalesce(billing_adoption.first_of(c.r, 'currency'), 'USD')) as currency,
      billing_adoption.number_of(f.value) / case when f.key ~ '_cents$' then 100 else 1 end
        as amount
    from config c cross join lateral billing_adoption.flatten(c.r) f
    cross join lateral billing_adoption.meaning_of(f.key) m
    where m.what is distinct from 'known'
  )
  select c.config_id, c.old_client, c.key, c.value, c.what, c.family, c.metric, c.per_units,
    c.amount, c.currency,
    case when not c.is_active then 'the row is not active'
      when c.place > 1 then 'a newer active row of the client is taken'
      when c.what is null then format('column %s (%s) says nothing that is known here', c.key,
        c.value)
      when c.what in ('minimum', 'price') and (c.amount is null or c.amount < 0)
        then format('%s is %s, no amount', c.key, c.value)
      when c.what = 'terms' and (c.amount is null or c.amount not between 0 and 365
        or c.amount <> trunc(c.amount)) then format('%s is %s, no number of days', c.key, c.value)
      when count(*) over (partition by c.config_id, c.is_active, c.place, c.what, c.family,
        c.metric) > 1 then format('two columns say the same as %s', c.key) end
  from cells c;
$$;
comment on function billing_adoption.read_terms is
  'The earlier terms, a value a row, as they would be taken; problem says why one cannot be.';

create or replace function billing_adoption.take_terms()
returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  configs integer;
  taken integer;
begin
  perform billing_adoption.note('billing_config', t.config_id, t.problem)
  from billing_adoption.read_terms() t where t.problem is not null;
  create temporary table terms on commit drop as
  select t.*, k.client_id, cur.exponent
  from billing_adoption.read_terms() t
  left join billing_adoption.clients k on k.old_id = t.old_client
  left join public.currencies cur on cur.code = t.currency
  where t.problem is null;
  perform billing_adoption.note('billing_config', t.config_id, 'its client was not taken')
  from pg_temp.terms t where t.old_client is not null and t.client_id is null;
  perform billing_adoption.note('billing_config', t.config_id,
    format('its currency %s is not known', t.currency))
  from pg_temp.terms t where t.exponent is null;
  perform billing_adoption.note('billing_config', t.config_id,
    format('%s is taken in USD per 1,000,000 tokens: its name says no unit', t.key))
  from pg_temp.terms t where t.metric ~ 'tokens$' and t.per_units = 1000000
    and t.key !~ '1m|million|mtok';
  delete from pg_temp.terms t
  where t.exponent is null or t.old_client is not null and t.client_id is null;
  perform billing_adoption.note('billing_config', t.config_id,
    format('the minimum %s is no whole amount of %s: it is rounded', t.amount, t.currency))
  from pg_temp.terms t where t.what = 'minimum'
    and t.amount * 10 ^ t.exponent <> trunc(t.amount * 10 ^ t.exponent);
  -- The row of no client is the default here too.
  update public.billing_config c set
    currency = t.currency, minimum_minor = coalesce(t.minimum, c.minimum_minor),
    payment_terms_days = coalesce(t.days, c.payment_terms_days)
  from (select min(t.currency) as currency,
      round(max(t.amount * 10 ^ t.exponent) filter (where t.what = 'minimum')) as minimum,
      max(t.amount) filter (where t.what = 'terms') as days
    from pg_temp.terms t where t.old_client is null having count(*) > 0) t
  where c.client_id is null;
  insert into public.billing_config (client_id, currency, minimum_minor, payment_terms_days)
  select t.client_id, min(t.currency),
    round(max(t.amount * 10 ^ t.exponent) filter (where t.what = 'minimum')),
    max(t.amount) filter (where t.what = 'terms')
  from pg_temp.terms t where t.client_id is not null group by t.client_id;
  get diagnostics configs = row_count;
  delete from public.prices p using pg_temp.terms t
  where t.what = 'price' and t.old_client is null and p.client_id is null and p.model is null
    and p.family is not distinct from t.family and p.metric = t.metric and p.currency = t.currency;
  insert into public.prices (client_id, family, metric, currency, unit_amount, per_units)
  select t.client_id, t.family, t.metric, t.currency, t.amount, t.per_units
  from pg_temp.terms t where t.what = 'price';
  get diagnostics taken = row_count;
  drop table pg_temp.terms;
  return format('terms of %s clients, %s prices', configs, taken);
end $$;
comment on function billing_adoption.take_terms is
  'Makes the earlier terms config and prices here.';
