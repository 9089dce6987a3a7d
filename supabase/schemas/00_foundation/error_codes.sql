-- Domain errors: their codes, and the one function that raises them.

create table billing.error_codes (
  code text primary key constraint error_codes_code_shape check (code ~ '^[a-z][a-z_]*$'),
  http_status smallint not null
    constraint error_codes_http_status_of_client check (http_status between 400 and 499),
  meaning text not null
);
comment on table billing.error_codes is
  'Every domain error: its stable code (DETAIL of the error) and the HTTP status it answers.';
revoke all on billing.error_codes from public;
grant select on billing.error_codes to service_role;
alter table billing.error_codes enable row level security;

-- Raises a domain error. SQLSTATE is PostgREST's `PT<status>`, so the Data API answers with that
-- status; DETAIL carries the stable code for programs; HINT tells a person what to do.
create function billing.raise_error(error_code text, message text, hint text default '')
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using
    errcode = 'PT' || (select e.http_status from billing.error_codes e where e.code = error_code),
    message = message, detail = error_code, hint = hint;
end $$;
comment on function billing.raise_error is
  'Raises the registered domain error: SQLSTATE PT<http status>, DETAIL the stable code.';

-- Guards run with the writer's rights: a role that may write terms needs the codes that refuse it.
grant execute on function billing.raise_error(text, text, text) to service_role;
