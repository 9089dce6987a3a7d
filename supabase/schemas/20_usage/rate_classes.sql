-- Rate classes: at which of its rates a provider charges a call (ADR 37). A class is a property of
-- the log row; all tokens of the row have it. Conditions, as data, read the class from the row.

-- A class whose name has a plus sign combines others: batch+long_context is a batch that is long.
create table billing.rate_classes (
  id text primary key constraint rate_classes_name check (
    id ~ '^[a-z0-9_]{1,40}(\+[a-z0-9_]{1,40}){0,2}$'),
  code smallint not null unique constraint rate_classes_code check (
    code between 0 and 1000 and (code = 0) = (id = 'standard')),
  what text not null
);
comment on table billing.rate_classes is
  'Rates at which providers charge calls. Usage is recorded by them, and prices are for one.';
comment on column billing.rate_classes.code is
  'What stands for the class while log rows are summed; 0 is standard.';
alter table billing.rate_classes enable row level security;
revoke all on billing.rate_classes from public;
grant select on billing.rate_classes to service_role;

create trigger refuse_change before delete or truncate on billing.rate_classes
  for each statement execute function _billing.refuse_change();
create trigger refuse_rename before update on billing.rate_classes
  for each row when ((old.id, old.code) is distinct from (new.id, new.code))
  execute function _billing.refuse_change();

-- A row is of the class of the first condition, by place, that holds for it, else standard.
create table billing.rate_class_conditions (
  place integer primary key,
  rate_class text not null references billing.rate_classes (id),
  metadata jsonb not null default '{}',
  thresholds smallint not null default 0
    constraint rate_class_conditions_thresholds check (thresholds between 0 and 3),
  constraint rate_class_conditions_are_some check (
    jsonb_typeof(metadata) = 'object' and (metadata <> '{}' or thresholds > 0))
);
comment on table billing.rate_class_conditions is
  'Of which class a log row is: the first that holds, by place. Compiled to one expression,
   _billing.rate_class_code.';
comment on column billing.rate_class_conditions.metadata is
  'What the metadata of the row contains; {} asks for nothing.';
comment on column billing.rate_class_conditions.thresholds is
  'Holds only for calls whose whole input is beyond as many thresholds of the model, or more:
   models.long_context_above, long_context_2_above, long_context_3_above.';
create index rate_class_conditions_rate_class on billing.rate_class_conditions (rate_class);
alter table billing.rate_class_conditions enable row level security;
revoke all on billing.rate_class_conditions from public;
grant select on billing.rate_class_conditions to service_role;

create view billing.rate_class_keys with (security_invoker = true) as
select distinct k as key
from billing.rate_class_conditions c cross join lateral jsonb_object_keys(c.metadata) k;
comment on view billing.rate_class_keys is
  'Keys of metadata that conditions of rate classes ask for.';
revoke all on billing.rate_class_keys from public;
grant select on billing.rate_class_keys to service_role;

-- The class of a log row, as its code. Written by compile_rate_classes from the conditions; this is
-- what it is without any. The rollup has it written out in its query.
create function _billing.rate_class_code(metadata jsonb, thresholds integer)
returns integer language sql immutable parallel safe
return 0;
comment on function _billing.rate_class_code is
  'Code of the rate class of a log row; compiled from billing.rate_class_conditions.';

create function billing.thresholds_passed(input numeric, first numeric, second numeric,
  third numeric)
returns integer language sql immutable parallel safe
return case when input > third then 3 when input > second then 2 when input > first then 1
  else 0 end;
comment on function billing.thresholds_passed is
  'Beyond how many thresholds of its model the whole input of a call is.';

-- What the view calls, it calls as its reader.
grant execute on function billing.thresholds_passed(numeric, numeric, numeric, numeric)
  to service_role;
