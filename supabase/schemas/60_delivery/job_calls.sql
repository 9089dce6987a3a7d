-- HTTP calls of scheduled jobs and what they were answered. pg_net sends a call after its job has
-- ended, so the job's own outcome says nothing about it, and pg_net forgets answers after hours.
create table billing.job_calls (
  id bigint generated always as identity primary key,
  job text not null,
  request_id bigint not null,
  called_at timestamptz not null,
  answered_at timestamptz,
  status integer,
  problem text
);
comment on table billing.job_calls is
  'Calls of functions by scheduled jobs of the last days, and what was wrong with the answers.';
comment on column billing.job_calls.request_id is 'Id of pg_net, as in net._http_response.';
comment on column billing.job_calls.status is 'Status of the answer; null where there was none.';
comment on column billing.job_calls.problem is
  'Null while no answer is due, and for an answer of 2xx.';
create index job_calls_job on billing.job_calls (job, id);
alter table billing.job_calls enable row level security;
revoke all on billing.job_calls from public;
grant select on billing.job_calls to service_role;

-- What proves that a POST comes from here: an HMAC by the secret key named `cron`, over its time,
-- method, path and body. A copy of it repeats that call for some minutes and opens nothing else, so
-- it may stand in pg_net's queue, which every role of the database can read. The functions check it
-- (supabase/functions/_shared/http/call-signature.ts).
create function _billing.sign_call(secret text, path text, body text, seconds bigint)
returns text language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format('t=%s,b=%s,v1=%s', seconds, d.digest, encode(extensions.hmac(
    format(E'%s\nPOST\n%s\n%s', seconds, path, d.digest), secret, 'sha256'), 'hex'))
  from (select encode(sha256(convert_to(body, 'UTF8')), 'hex') as digest) d;
$$;
comment on function _billing.sign_call is
  'Signature of a call by a scheduled job: good for minutes, and for this path and body alone.';

-- Calls one of our functions, signed by the secret key named `cron`, and notes the call. URL and
-- key are read from Vault, which only the owner writes; the key itself goes nowhere.
create function _billing.call_function(job text, path text, body jsonb,
  timeout interval default '60 seconds', at timestamptz default clock_timestamp())
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.job_calls (job, request_id, called_at)
  select call_function.job, net.http_post(url := u.decrypted_secret || call_function.path,
    body := call_function.body, headers := jsonb_build_object('content-type', 'application/json',
      'x-billing-signature', _billing.sign_call(k.decrypted_secret, call_function.path,
        call_function.body::text, extract(epoch from clock_timestamp())::bigint)),
    timeout_milliseconds := (extract(epoch from timeout) * 1000)::integer), at
  from vault.decrypted_secrets u, vault.decrypted_secrets k
  where u.name = 'billing_functions_url' and k.name = 'billing_cron_key';
$$;
comment on function _billing.call_function is
  'Calls a function of ours by pg_net on behalf of a scheduled job.';

-- What is wrong with an answer, as pg_net has it; null for one of 2xx.
create function _billing.answer_problem(status integer, content text, error text)
returns text language sql stable set search_path = pg_catalog, pg_temp
return case when status between 200 and 299 then null
  when status is not null then concat_ws(': ', 'was answered ' || status,
    nullif(left(btrim(regexp_replace(content, '\s+', ' ', 'g')), 200), ''))
  else concat_ws(': ', 'got no answer', left(error, 200)) end;
comment on function _billing.answer_problem is
  'What is wrong with the answer to a call of a scheduled job; null where nothing is.';

-- Writes down what calls were answered. A call is lost where pg_net is down or was restarted.
create function _billing.note_answers(at timestamptz default clock_timestamp())
returns void language sql set search_path = pg_catalog, pg_temp as $$
  update billing.job_calls c
  set answered_at = r.created, status = r.status_code,
    problem = _billing.answer_problem(r.status_code, r.content, r.error_msg)
  from net._http_response r
  where r.id = c.request_id and c.answered_at is null
    -- Ids begin anew after a crash; pg_net keeps answers for six hours.
    and r.created >= c.called_at - interval '1 minute'
    and r.created >= (select min(x.called_at) - interval '1 minute' from billing.job_calls x
      where x.answered_at is null);
  update billing.job_calls c set problem = 'got no answer: it was lost, or pg_net does not work'
  where c.answered_at is null and c.problem is null and c.called_at < at - interval '5 minutes';
$$;
comment on function _billing.note_answers is 'Notes what calls of scheduled jobs were answered.';
