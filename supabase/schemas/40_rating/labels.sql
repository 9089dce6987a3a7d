-- Texts of lines.

-- A family or model as people read it: claude-sonnet -> Claude Sonnet, gpt-4o -> GPT-4o.
create function _billing.display_name(model text) returns text language sql immutable
return case
  when model like 'gpt-%' then 'GPT-' || substr(model, 5)
  else initcap(replace(model, '-', ' '))
end;

create function _billing.display_metric(metric text) returns text language sql immutable
return regexp_replace(replace(metric, '_', ' '), '\mpdf\M', 'PDF');

-- Units as people read them; of a class that is not standard with the class before them.
create function _billing.display_usage(metric text, rate_class text)
returns text language sql immutable
return case when rate_class <> 'standard' then translate(rate_class, '_+', '  ') || ' ' else '' end
  || coalesce(_billing.display_metric(metric), '');
comment on function _billing.display_usage is
  'A metric as people read it, with its rate class: batch input tokens.';

-- As messages name usage: by the metric's own name.
create function _billing.named_usage(metric text, rate_class text)
returns text language sql immutable
return concat_ws(' ', nullif(rate_class, 'standard'), metric);
comment on function _billing.named_usage is
  'A metric as messages name it, with its rate class: batch input_tokens.';

-- '2026-06-01', '2026-07-01' -> 'June 2026'; other periods by their first and last day.
create function _billing.period_label(period_start date, period_end date)
returns text language sql stable
return case
  when date_trunc('month', period_start::timestamp) = period_start
    and period_start + interval '1 month' = period_end
    then to_char(period_start, 'FMMonth YYYY')
  else to_char(period_start, 'FMDD Mon YYYY') || ' – ' || to_char(period_end - 1, 'FMDD Mon YYYY')
end;

-- What a line of a period is called on the period's own invoice, however it is called elsewhere.
create function _billing.plain_description(kind text, label text, description text)
returns text language sql immutable
return case
  when kind = 'minimum' then 'Minimum monthly charge'
  when kind = 'usage' and starts_with(description, format('Late usage, %s · ', label))
    then substr(description, length(format('Late usage, %s · ', label)) + 1)
  when right(description, length(label) + 2) = ', ' || label
    then left(description, -length(label) - 2)
  else description
end;
comment on function _billing.plain_description is
  'Description of a line without the words that make it late.';

create function _billing.late_description(kind text, amount numeric, label text, description text)
returns text language sql immutable
return case kind
  when 'usage' then format('Late usage, %s · %s', label,
    _billing.plain_description(kind, label, description))
  when 'minimum' then case when amount < 0 then 'Minimum already charged, ' || label
    else format('%s, %s', _billing.plain_description(kind, label, description), label) end
  else format('%s, %s', _billing.plain_description(kind, label, description), label)
end;
