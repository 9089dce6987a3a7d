-- The numbers of invoices, without gaps.

create table _billing.invoice_counters (
  series text not null,
  year integer not null,
  last_number integer not null,
  earlier_numbers integer not null default 0,
  constraint invoice_counters_earlier_first check (earlier_numbers between 0 and last_number),
  primary key (series, year)
);
comment on table _billing.invoice_counters is
  'Last invoice number given out; its row lock makes numbers gapless under concurrency.';
comment on column _billing.invoice_counters.earlier_numbers is
  'The last number that another system has given out before this one; 0 where none has.';
alter table _billing.invoice_counters enable row level security;
revoke all on _billing.invoice_counters from public;

-- Numbers for invoices issued on a day, consecutive in the series and year. The counter's row stays
-- locked until commit: a rollback gives its numbers back, so there is never a gap.
create function _billing.allocate_invoice_numbers(issued_on date, how_many integer, of_series text)
returns integer language sql set search_path = pg_catalog, pg_temp as $$
  insert into _billing.invoice_counters as n (series, year, last_number)
  values (of_series, extract(year from issued_on)::integer, how_many)
  on conflict (series, year) do update set last_number = n.last_number + how_many
  returning n.last_number - how_many;
$$;
comment on function _billing.allocate_invoice_numbers is
  'Reserves consecutive invoice numbers; returns the last one before them.';
