-- Dismissals in the audit log: an entry for each log row, or one for a flood.

-- More than this many rows of one statement are one entry: how many they are, and a hash of their
-- ids, so that dismissed_logs proves which.
create function _billing.audit_dismissals() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: audit_log is written by nobody but its triggers.
declare
  few constant bigint := 1000;
begin
  insert into billing.audit_log (table_name, row_id, operation, before, after)
  with size as materialized (select count(*) as rows from changed), entries as (
    select c.log_id::text as row_id, to_jsonb(c) as entry
    from changed c where (select s.rows from size s) <= few
    union all
    select format('%s log rows', count(*)), jsonb_build_object('why', c.why, 'actor', c.actor,
      'dismissed_at', max(c.dismissed_at), 'log_rows', count(*), 'log_ids_sha256', encode(sha256(
        convert_to(string_agg(c.log_id::text, ',' order by c.log_id), 'UTF8')), 'hex'))
    from changed c where (select s.rows from size s) > few
    group by c.why, c.actor
  )
  select tg_table_name, e.row_id, lower(tg_op), case when tg_op = 'DELETE' then e.entry end,
    case when tg_op = 'INSERT' then e.entry end
  from entries e;
  return null;
end $$;
comment on function _billing.audit_dismissals is
  'Writes dismissals, and those that are taken back, into the audit log.';

create trigger audit_insert after insert on billing.dismissed_logs
referencing new table as changed for each statement execute function _billing.audit_dismissals();
create trigger audit_delete after delete on billing.dismissed_logs
referencing old table as changed for each statement execute function _billing.audit_dismissals();
