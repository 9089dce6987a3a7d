-- Whether the audit log is what was sealed, and the log as it is handed out.

-- A row that says it is older than this compared with rows that were stored before it is made up:
-- no transaction takes so long.
create function _billing.audit_tolerance() returns interval language sql immutable
return interval '1 day';

-- Whether a row differs from its seal by an erasure that is on record.
create function _billing.is_erased(audit_id bigint, content_hash bytea)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from billing.audit_erasures e
    join billing.audit_log l on l.table_name = 'audit_erasures' and l.row_id = e.audit_id::text
      and l.operation = 'insert' and l.after ->> 'content_hash' = e.content_hash::text
    where e.audit_id = is_erased.audit_id and e.content_hash = is_erased.content_hash);
$$;

-- Reads the whole chain, some seconds for a million rows. Give it a head that was kept elsewhere,
-- and it says too whether that head is still in the chain: a person who can write to the database
-- could compute all hashes anew.
create function billing.verify_audit_chain(known_position bigint default null,
  known_hash text default null)
returns table (sealed bigint, unsealed bigint, head_hash text, broken_at bigint, audit_id bigint,
  finding text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
-- Definer: what is inside is granted to nobody.
declare
  link record;
  previous bytea;
  latest timestamptz := '-infinity'::timestamptz;
begin
  sealed := 0;
  for link in
    select s.position, s.audit_id, s.content_hash, s.hash, a.id, a.at,
      _billing.audit_hash(a) as found_hash
    from billing.audit_seals s left join billing.audit_log a on a.id = s.audit_id
    order by s.position
  loop
    sealed := sealed + 1;
    finding := case
      when link.position <> sealed then format('position %s is missing', sealed)
      when link.hash <> _billing.chain_hash(previous, link.content_hash)
        then format('the hash of position %s does not follow from the one before', sealed)
      when link.id is null then format('row %s was removed', link.audit_id)
      when link.found_hash <> link.content_hash
        and not _billing.is_erased(link.id, link.found_hash)
        then format('row %s was changed', link.id)
      when link.at < latest - _billing.audit_tolerance()
        then format('row %s says %s and was stored after %s', link.id, link.at, latest)
      when link.position = known_position and encode(link.hash, 'hex') <> known_hash
        then format('position %s has another hash than the one that is known', sealed) end;
    if finding is not null then
      broken_at := sealed;
      verify_audit_chain.audit_id := link.audit_id;
      exit;
    end if;
    previous := link.hash;
    latest := greatest(latest, link.at);
  end loop;
  head_hash := encode(previous, 'hex');
  if finding is null and known_position > sealed then
    broken_at := sealed + 1;
    finding := format('position %s is known and gone', known_position);
  end if;
  select count(*) into unsealed from billing.audit_log a
  where not exists (select from billing.audit_seals s where s.audit_id = a.id);
  if finding is null then
    select a.id, format('row %s says %s and was stored after %s', a.id, a.at, latest)
      into verify_audit_chain.audit_id, finding
    from billing.audit_log a
    where a.at < latest - _billing.audit_tolerance()
      and not exists (select from billing.audit_seals s where s.audit_id = a.id)
    order by a.id limit 1;
  end if;
  return next;
end $$;
comment on function billing.verify_audit_chain is
  'One row: how much is sealed, the head, and the first break of the chain (null where there is
   none): what was changed, removed or added afterwards. Takes a head that was kept elsewhere.';
grant execute on function billing.verify_audit_chain(bigint, text) to service_role;

-- What is handed out: anybody can compute the hashes again, without this database.
create function billing.audit_export(after_position bigint default 0, most integer default 200)
returns table ("position" bigint, content text, content_hash text, hash text, erased boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: as above.
  select s.position, _billing.audit_content(a), encode(s.content_hash, 'hex'),
    encode(s.hash, 'hex'), e.audit_id is not null
  from billing.audit_seals s
  left join billing.audit_log a on a.id = s.audit_id
  left join billing.audit_erasures e on e.audit_id = s.audit_id
  where s.position > after_position order by s.position limit least(most, 10000);
$$;
comment on function billing.audit_export is
  'The sealed audit log in order. content_hash is sha256(content) unless personal data was erased
   since; hash is sha256(hash of the position before || content_hash), both as bytes.';
grant execute on function billing.audit_export(bigint, integer) to service_role;
