-- What a price means does not change: neither during a run nor for periods that are settled.

create function _billing.guard_model_in_use() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from public.prices p where p.pricing_model = old.model) then
    perform billing.raise_error('past_is_frozen',
      format('prices are of the model %s: how it is priced cannot change', old.model),
      'add a model of another name, and prices of it from a day on');
  end if;
  return null;
end $$;
comment on function _billing.guard_model_in_use is
  'Refuses to change how a model is priced that prices are of.';

create trigger guard_model_in_use after update on billing.price_models
  for each row when ((old.model, old.is_linear, old.unit_factor)
    is distinct from (new.model, new.is_linear, new.unit_factor))
  execute function _billing.guard_model_in_use();
