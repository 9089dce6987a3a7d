-- The one row of the watermark: nothing has been counted yet.

insert into billing.usage_watermark (system_identifier, database_oid, table_oid)
select s.system_identifier, d.oid, 'public.agent_usage_logs'::regclass
from pg_control_system() s, pg_database d where d.datname = current_database()
on conflict do nothing;
