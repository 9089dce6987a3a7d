-- The chain over the audit log: what the owner of the database changes, removes or adds afterwards
-- is named.
begin;
select plan(30);

create function pg_temp.entries(howmany integer) returns void language sql as $$
  insert into public.models (id, family)
  select 'chain-' || gen_random_uuid(), 'm' from generate_series(1, howmany);
$$;
create function pg_temp.finding() returns text language sql as $$
  select finding from billing.verify_audit_chain();
$$;
-- What only the owner can do, on purpose; undone with the savepoint.
create function pg_temp.as_owner(statement text) returns void language plpgsql as $$
begin
  alter table billing.audit_log disable trigger user;
  alter table billing.audit_seals disable trigger user;
  execute statement;
  alter table billing.audit_log enable trigger user;
  alter table billing.audit_seals enable trigger user;
end $$;
create function pg_temp.after_tampering(statement text) returns text language plpgsql as $$
declare
  said text;
begin
  begin
    perform pg_temp.as_owner(statement);
    said := pg_temp.finding();
    raise exception using errcode = 'UNDO1';
  exception when sqlstate 'UNDO1' then
    return regexp_replace(said, '(row|after|says) \d\S*( \S+\+00)?', '\1 #', 'g');
  end;
end $$;

select lives_ok('select _billing.seal_audit(true, 1000000)',
  'all earlier rows can be sealed');
select pg_temp.entries(5);
create temp table first on commit drop as select coalesce(max(position), 0) as last
from billing.audit_seals;
select is(_billing.seal_audit(), 5::bigint, 'each row is sealed');
select is(_billing.seal_audit(), 0::bigint, 'a sealed row is sealed once');
select pg_temp.entries(4);
select is(_billing.seal_audit(most_rows => 3), 3::bigint, 'so many at a time');
select is((select unsealed from billing.verify_audit_chain()), 1::bigint,
  'verification counts unsealed rows');
select is(_billing.seal_audit(true), 1::bigint, 'the rest with the next call');
select is(pg_temp.finding(), null, 'a chain that nobody has touched has no break');

-- By hand, from the definition.
select is((select encode(hash, 'hex') from billing.audit_seals s, first f
    where s.position = f.last + 2),
  (select encode(sha256(p.hash || sha256(convert_to(e.content, 'UTF8'))), 'hex')
    from billing.audit_seals p, first f, lateral billing.audit_export(f.last + 1, 1) e
    where p.position = f.last + 1), 'a hash is that of the one before and of the content');
select is(_billing.chain_hash(null, '\x01'), sha256('\x01'), 'the first one has none before it');
select is((select _billing.audit_hash(a) from billing.audit_log a order by id desc limit 1),
  (select sha256(convert_to(_billing.audit_content(a), 'UTF8')) from billing.audit_log a
    order by id desc limit 1), 'of the content, as text');
set local timezone = 'Asia/Tokyo';
select is(pg_temp.finding(), null, 'in any time zone');
set local timezone = 'UTC';
select is((select array_agg(e.position - f.last order by e.position)
    from first f, lateral billing.audit_export(f.last, 3) e), '{1,2,3}', 'exported page by page');

-- What triggers refuse.
select throws_matching('update billing.audit_log set actor = ''eve''', 'append-only: update',
  'no row is updated');
select throws_matching('delete from billing.audit_seals', 'append-only: delete', 'no seal removed');
select throws_matching('truncate billing.audit_erasures', 'append-only: truncate',
  'erasures cannot be removed');

-- What the owner can do.
create temp table middle on commit drop as
select s.position, s.audit_id from billing.audit_seals s, first f where s.position = f.last + 4;
select matches(pg_temp.after_tampering($$update billing.audit_log a set actor = 'eve'
  from middle m where a.id = m.audit_id$$), '^row # was changed$', 'a row that was changed');
select matches(pg_temp.after_tampering($$update billing.audit_log a set after = after || '{"x": 1}'
  from middle m where a.id = m.audit_id$$), '^row # was changed$', 'its content too');
select matches(pg_temp.after_tampering($$delete from billing.audit_log a using middle m
  where a.id = m.audit_id$$), '^row # was removed$', 'a row that was removed');
select matches(pg_temp.after_tampering($$delete from billing.audit_seals s using middle m
  where s.position = m.position$$), '^position \d+ is missing$', 'with its seal');
select matches(pg_temp.after_tampering($$
  delete from billing.audit_seals s using middle m where s.position = m.position;
  update billing.audit_seals s set position = s.position - 1 from middle m
  where s.position > m.position$$), 'does not follow', 'and what follows moved up');
select matches(pg_temp.after_tampering($$insert into billing.audit_log (at, actor, table_name,
    row_id, operation) values (now() - interval '3 days', 'eve', 'models', 'x', 'delete')$$),
  '^row # says # and was stored after #', 'a row that was added with an older time');
select matches(pg_temp.after_tampering($$insert into billing.audit_log (at, actor, table_name,
    row_id, operation) values (now() - interval '3 days', 'eve', 'models', 'x', 'delete');
  select _billing.seal_audit(true)$$), '^row # says # and was stored after #',
  'also when it is sealed');
select matches(pg_temp.after_tampering($$update billing.audit_seals s
  set content_hash = sha256('x') from middle m where s.position = m.position$$),
  'does not follow', 'a seal that was changed');
select matches(pg_temp.after_tampering($$
  update billing.audit_log a set actor = 'eve' from middle m where a.id = m.audit_id;
  insert into billing.audit_erasures (audit_id, content_hash)
  select a.id, sha256('x') from billing.audit_log a join middle m on a.id = m.audit_id$$),
  '^row # was changed$', 'an erasure of something else excuses no change');

-- All hashes computed anew: no break, but not the head that is kept elsewhere.
create temp table head on commit drop as
select sealed as position, head_hash as hash from billing.verify_audit_chain();
select is((select finding from head h, lateral billing.verify_audit_chain(h.position, h.hash)),
  null, 'the head that was kept is in the chain');
select is((select finding from head h,
    lateral billing.verify_audit_chain(h.position, repeat('0', 64))),
  format('position %s has another hash than the one that is known',
    (select position from head)), 'another one is not');
select pg_temp.as_owner('delete from billing.audit_seals where position >=
  (select position from head)');
select is(pg_temp.finding(), null, 'an end that was cut off does not show by itself');
select is((select finding from head h, lateral billing.verify_audit_chain(h.position, h.hash)),
  format('position %s is known and gone', (select position from head)),
  'but by the head that was kept');
select is(_billing.is_erased(0, '\x00'), false, 'nothing is erased unless it is on record');
select is(_billing.audit_tolerance(), interval '1 day', 'a day is what no transaction takes');

select * from finish();
rollback;
