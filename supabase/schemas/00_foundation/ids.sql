-- Time-ordered uuid (version 7): random ids make large inserts into the log several times slower.
-- 48 bits of milliseconds, 74 random ones of the session's generator, which the server seeds
-- strongly: an id here is unique, not secret, and gen_random_uuid alone would cost four times this.
create function billing.new_id() returns uuid language sql volatile
return encode(
  int8send(((date_part('epoch', clock_timestamp()) * 1000)::bigint << 16)
    | 28672 | (random() * 4095)::bigint)
  || int8send((-9223372036854775808) | ((random() * 2147483647)::bigint << 31)
    | (random() * 2147483647)::bigint), 'hex')::uuid;
comment on function billing.new_id is 'A new uuid, version 7 (ordered by time).';
grant execute on function billing.new_id() to service_role;

-- The same name gives the same uuid (version 8). An object that the world outside knows by our id
-- is named by what it is: a database that was restored to the past and lives the lost days again
-- makes it under the id that Stripe and mailboxes have already, and finds it there.
create function _billing.named_id(variadic parts text[]) returns uuid language sql immutable
return overlay(overlay(
  md5(array_to_string(parts, '|', '')) placing '8' from 13) placing 'a' from 17)::uuid;
comment on function _billing.named_id is 'The uuid (version 8) of a name; always the same.';

-- The transaction that stores a row. Declared immutable so that a generated column may call it:
-- it is constant within a transaction, and being generated it can neither be sent by a client nor
-- be carried into another cluster by a dump.
create function billing.storing_transaction() returns xid8 language sql immutable
return pg_current_xact_id();
comment on function billing.storing_transaction is 'Id of the transaction that stores a row.';
grant execute on function billing.storing_transaction() to service_role;
