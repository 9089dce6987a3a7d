-- Names that metrics of prices and meters cannot have.

-- Tokens of which it is not known what they are part of (billing.is_unmapped) cannot be sold: a
-- price would bill what stands in input or output a second time.
create function _billing.refuse_unmapped_metric() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('invalid_argument',
    format('%s cannot have a %s', new.metric, tg_argv[0]),
    'map the model to its provider, or log metadata.counting: then its tokens are counted under '
      || 'the names that can, ' || substr(new.metric, 10));
  return null;
end $$;

create trigger refuse_unmapped_metric before insert or update of metric on public.prices
  for each row when (billing.is_unmapped(new.metric))
  execute function _billing.refuse_unmapped_metric('price');
create trigger refuse_unmapped_metric before insert or update of metric on public.stripe_meters
  for each row when (billing.is_unmapped(new.metric))
  execute function _billing.refuse_unmapped_metric('meter');

-- A class is no part of a metric's name: usage of batch_input_tokens there is none.
create function _billing.refuse_class_metric() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform billing.raise_error('invalid_argument',
    format('%s cannot have a %s', new.metric, tg_argv[0]),
    format('say metric %s and rate_class batch', substr(new.metric, 7)));
  return null;
end $$;

create trigger refuse_class_metric before insert or update of metric on public.prices
  for each row when (starts_with(new.metric, 'batch_'))
  execute function _billing.refuse_class_metric('price');
create trigger refuse_class_metric before insert or update of metric on public.stripe_meters
  for each row when (starts_with(new.metric, 'batch_'))
  execute function _billing.refuse_class_metric('meter');
