-- As the real one: a request is a row of an unlogged queue, so it is sent only if the transaction
-- commits, at most once, and is lost in a crash. dev/platform/net.ts is the background worker.

create schema net;

create unlogged table net.http_request_queue (
  id bigserial,
  method text not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds int not null
);

create unlogged table net._http_response (
  id bigint,
  status_code int,
  content_type text,
  headers jsonb,
  content text,
  timed_out bool,
  error_msg text,
  created timestamptz not null default now()
);
create index _http_response_created_idx on net._http_response (created);

create function net._urlencode_string(string varchar) returns text
language sql immutable strict as $$
  select string_agg(
    case
      when ch ~ '[A-Za-z0-9_.~-]' then ch
      else regexp_replace(upper(encode(convert_to(ch, 'UTF8'), 'hex')), '(..)', '%\1', 'g')
    end, '' order by place
  )
  from regexp_split_to_table(string, '') with ordinality as letter (ch, place)
$$;

create function net._url_with_params(url text, params jsonb) returns text
language sql immutable as $$
  select url || coalesce(
    '?' || string_agg(
      net._urlencode_string(key) || '=' || net._urlencode_string(value), '&' order by key
    ), ''
  )
  from jsonb_each_text(params)
$$;

create function net._enqueue(
  method text, url text, headers jsonb, body bytea, timeout_milliseconds int
) returns bigint
language sql as $$
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (method, url, headers, body, timeout_milliseconds)
  returning id
$$;

create function net.http_get(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds int default 5000
) returns bigint
language sql as $$
  select net._enqueue(
    'GET', net._url_with_params(url, params), headers, null, timeout_milliseconds
  )
$$;

create function net.http_delete(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds int default 5000,
  body jsonb default null
) returns bigint
language sql as $$
  select net._enqueue(
    'DELETE', net._url_with_params(url, params), headers,
    convert_to(body::text, 'UTF8'), timeout_milliseconds
  )
$$;

create function net.http_post(
  url text,
  body jsonb default '{}'::jsonb,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
  timeout_milliseconds int default 5000
) returns bigint
language plpgsql as $$
declare
  content_type text;
begin
  select header.value into content_type
  from jsonb_each_text(coalesce(headers, '{}'::jsonb)) as header
  where lower(header.key) = 'content-type';
  if content_type is null then
    headers := coalesce(headers, '{}'::jsonb) || '{"Content-Type": "application/json"}'::jsonb;
  elsif content_type not like 'application/json%' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  return net._enqueue(
    'POST', net._url_with_params(url, params), headers,
    convert_to(body::text, 'UTF8'), timeout_milliseconds
  );
end;
$$;

create function net._notify_queue() returns trigger
language plpgsql as $$
begin
  perform pg_notify('platform_net', '');
  return null;
end;
$$;
create trigger notify_queue after insert on net.http_request_queue
  for each statement execute function net._notify_queue();

grant usage on schema net to public;
grant all on all tables in schema net to public;
grant all on all sequences in schema net to public;
