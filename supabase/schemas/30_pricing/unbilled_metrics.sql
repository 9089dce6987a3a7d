-- Metrics that are counted and not sold.

-- Metrics that need no price: they are billed where one exists.
create table billing.unbilled_metrics (
  metric text primary key
    constraint unbilled_metrics_counting_known check (not billing.is_unmapped(metric)),
  why text not null
);
comment on table billing.unbilled_metrics is
  'Metrics that may go without a price; usage of all others must have one.';
alter table billing.unbilled_metrics enable row level security;
revoke all on billing.unbilled_metrics from public;
grant select on billing.unbilled_metrics to service_role;

create constraint trigger count_terms_change after insert or update or delete
  on billing.unbilled_metrics
  deferrable initially deferred for each row execute function _billing.count_terms_change();
