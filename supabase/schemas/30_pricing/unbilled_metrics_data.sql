-- The metrics that are not sold.

insert into billing.unbilled_metrics values ('requests', 'counts calls; tokens are sold')
on conflict do nothing;
