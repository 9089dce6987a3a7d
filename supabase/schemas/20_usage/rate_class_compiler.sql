-- Conditions of rate classes are compiled as they change, and usage is counted anew.

-- The conditions as one expression. Rows whose metadata has none of the keys are looked at once.
create function _billing.rate_class_expression()
returns text language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('case when thresholds = 0 and not metadata ?| %L::text[] then 0%s else 0 end',
    array(select distinct k from billing.rate_class_conditions c,
      jsonb_object_keys(c.metadata) k order by k),
    (select string_agg(format(E'\n  when %s then %s', concat_ws(' and ',
      case when c.thresholds > 0 then format('thresholds >= %s', c.thresholds) end,
      case when c.metadata <> '{}' then format('metadata @> %L::jsonb', c.metadata) end), r.code),
      '' order by c.place)
    from billing.rate_class_conditions c join billing.rate_classes r on r.id = c.rate_class));
$$;
comment on function _billing.rate_class_expression is
  'The conditions of rate classes as one expression over metadata and thresholds passed.';

create function _billing.compile_rate_classes() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  -- A rollup that is under way goes by the conditions before.
  perform from billing.usage_watermark for update;
  execute format($sql$create or replace function _billing.rate_class_code(metadata jsonb,
    thresholds integer) returns integer language sql immutable parallel safe
    return %s$sql$, _billing.rate_class_expression());
  insert into billing.rebuild_requests (from_day, until_day)
  select '-infinity', 'infinity' where exists (select from public.agent_usage_logs);
  return null;
end $$;
comment on function _billing.compile_rate_classes is
  'Compiles changed conditions to _billing.rate_class_code and asks for a rebuild.';

create trigger compile_rate_classes after insert or update or delete
  on billing.rate_class_conditions
  for each statement execute function _billing.compile_rate_classes();
create trigger refuse_truncate before truncate on billing.rate_class_conditions
  for each statement execute function _billing.refuse_change();
