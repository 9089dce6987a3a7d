-- Terms that have been invoiced cannot be changed by new rows.

-- A new price may not hold for usage that an issued invoice has charged for under another.
create function _billing.guard_new_price() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoiced text;
begin
  select format('%s (%s, %s)', i.number, l.model, l.metric) into invoiced
  from public.invoice_lines l
  join public.invoices i on i.id = l.invoice_id and i.status in ('open', 'paid', 'uncollectible')
  left join public.models m on m.id = l.model
  where l.kind = 'usage' and l.metric in (new.metric, 'batch_' || new.metric)
    and i.currency = new.currency
    and l.service_end > new.effective_from and l.service_start < new.effective_until
    and (new.client_id is null or i.client_id = new.client_id)
    and (new.model is null or l.model = new.model)
    and (new.family is null or m.family = new.family)
    and exists (
      select from public.usage_records r
      where r.client_id = i.client_id and r.model = l.model and r.metric = l.metric
        and r.usage_day >= greatest(l.service_start, new.effective_from)
        and r.usage_day < least(l.service_end, new.effective_until)
        and new.id = (
          select c.price_id from billing.price_candidates(array[i.client_id], array[l.model],
            array[l.metric], array[i.currency]) c
          where c.effective_from <= r.usage_day and r.usage_day < c.effective_until
          order by c.preference limit 1))
  limit 1;
  if invoiced is not null then
    perform billing.raise_error('past_is_frozen',
      format('this price would change usage already invoiced on %s', invoiced),
      'let it start after the last invoiced day');
  end if;
  return null;
end $$;

create trigger guard_new_price after insert on public.prices
  for each row execute function _billing.guard_new_price();
create constraint trigger guard_new_price_at_commit after insert on public.prices
  deferrable initially deferred for each row execute function _billing.guard_new_price();

-- A model's family may not change where usage that an issued invoice has charged for would then
-- have another price than the one it was charged by.
create function _billing.guard_model_family() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoiced text;
begin
  select format('%s (%s, %s)', i.number, l.model, l.metric) into invoiced
  from public.invoice_lines l
  join public.invoices i on i.id = l.invoice_id and i.status in ('open', 'paid', 'uncollectible')
  where l.kind = 'usage' and l.model in (
      case when tg_op <> 'INSERT' then old.id end, case when tg_op <> 'DELETE' then new.id end)
    and exists (
      select from public.usage_records r
      where r.client_id = i.client_id and r.model = l.model and r.metric = l.metric
        and r.usage_day >= l.service_start and r.usage_day < l.service_end
        and l.price_id is distinct from (
          select c.price_id from billing.price_candidates(array[i.client_id], array[l.model],
            array[l.metric], array[i.currency]) c
          where c.effective_from <= r.usage_day and r.usage_day < c.effective_until
          order by c.preference limit 1))
  limit 1;
  if invoiced is not null then
    perform billing.raise_error('past_is_frozen',
      format('this family would change the price of usage already invoiced on %s', invoiced),
      'log under a new model id, or price this one by its own name from a day to come');
  end if;
  return null;
end $$;

create trigger guard_family after insert or delete on public.models
  for each row execute function _billing.guard_model_family();
create trigger guard_family_on_change after update on public.models
  for each row when ((old.id, old.family) is distinct from (new.id, new.family))
  execute function _billing.guard_model_family();
create constraint trigger guard_family_at_commit after insert or update or delete on public.models
  deferrable initially deferred for each row execute function _billing.guard_model_family();

-- A config for days that are invoiced would change what the invoice was made under; a currency
-- may only change where a period begins, so that no invoice meets two.
create function _billing.guard_new_config() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  invoiced text;
  client record;
begin
  select i.number into invoiced from public.invoices i
  where i.kind = 'period' and i.status in ('open', 'paid', 'uncollectible')
    and (new.client_id is null or i.client_id = new.client_id)
    and i.period_end > new.effective_from and i.period_start < new.effective_until
  limit 1;
  if invoiced is not null then
    perform billing.raise_error('past_is_frozen',
      format('this config would change a period already invoiced on %s', invoiced),
      'let it start after the last invoiced period');
  end if;
  select c.name, c.billing_anchor_day, o.currency into client
  from public.billing_config o join public.clients c on c.id = o.client_id
  where o.client_id = new.client_id and o.effective_until = new.effective_from
    and new.effective_from <> billing.period_start_of(new.effective_from, c.billing_anchor_day)
    and coalesce(o.currency, '') <> coalesce(new.currency, '');
  if client.name is not null then
    perform billing.raise_error('currency_mismatch',
      format('the currency of %s would change within a period, on %s', client.name,
        new.effective_from),
      format('let the change start on day %s of a month', client.billing_anchor_day));
  end if;
  return null;
end $$;

create trigger guard_new_config after insert on public.billing_config
  for each row execute function _billing.guard_new_config();
create constraint trigger guard_new_config_at_commit after insert on public.billing_config
  deferrable initially deferred for each row execute function _billing.guard_new_config();
