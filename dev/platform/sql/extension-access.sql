-- What the hosted service grants when the non-superuser `postgres` creates one of its extensions.
-- Event triggers do it there too, so that `create extension` alone is enough in a migration.

create function extensions.grant_extension_access() returns event_trigger
language plpgsql security definer set search_path = '' as $$
declare
  created text;
begin
  for created in
    select e.extname
    from pg_catalog.pg_event_trigger_ddl_commands() as command
    join pg_catalog.pg_extension as e on e.oid = command.objid
    where command.command_tag = 'CREATE EXTENSION'
  loop
    if created = 'pg_cron' then
      -- pg_cron writes its tables as the owner of the extension: supabase_admin, when hosted. The
      -- creator of a trusted extension owns it, and there is no command that changes that. The
      -- bootstrap superuser is pinned, so it needs no dependency.
      update pg_catalog.pg_extension
      set extowner = 'supabase_admin'::regrole
      where extname = created;
      delete from pg_catalog.pg_shdepend
      where classid = 'pg_catalog.pg_extension'::regclass and deptype = 'o'
        and objid = (select oid from pg_catalog.pg_extension where extname = created);
      grant usage on schema cron to postgres with grant option;
      grant all on all functions in schema cron to postgres with grant option;
      revoke all on all tables in schema cron from postgres;
      grant select on cron.job to postgres with grant option;
      grant select, delete on cron.job_run_details to postgres with grant option;
    elsif created = 'pg_net' then
      grant usage on schema net to postgres, anon, authenticated, service_role;
      grant execute on all functions in schema net
        to postgres, anon, authenticated, service_role;
    end if;
  end loop;
end;
$$;

create event trigger grant_extension_access on ddl_command_end
  when tag in ('CREATE EXTENSION')
  execute function extensions.grant_extension_access();

-- The Data API reads the schema once; as hosted, changes of it are announced by the database.
create function extensions.pgrst_ddl_watch() returns event_trigger
language plpgsql as $$
begin
  notify pgrst, 'reload schema';
end;
$$;

create event trigger pgrst_ddl_watch on ddl_command_end
  execute function extensions.pgrst_ddl_watch();
create event trigger pgrst_drop_watch on sql_drop
  execute function extensions.pgrst_ddl_watch();

-- Created before the trigger, with the cluster.
grant usage on schema vault to postgres with grant option;
grant usage on schema vault to service_role;
grant select, delete, truncate, references on vault.secrets, vault.decrypted_secrets
  to postgres with grant option;
grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
revoke execute on all functions in schema vault from public;
grant execute on all functions in schema vault to postgres with grant option;
grant execute on all functions in schema vault to service_role;
