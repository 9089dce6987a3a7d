-- What is refused is refused in one shape: a status, a stable code, a message, a hint.
begin;
select plan(11);

create function pg_temp.refusal(statement text) returns text[] language plpgsql as $$
declare
  state text;
  code text;
  message text;
  hint text;
begin
  execute statement;
  return null;
exception when others then
  get stacked diagnostics state = returned_sqlstate, code = pg_exception_detail,
    message = message_text, hint = pg_exception_hint;
  return array[state, code, message, hint];
end $$;

select is(pg_temp.refusal(
    $$select billing.raise_error('client_blocked', 'no price for x', 'add it')$$),
  array['PT409', 'client_blocked', 'no price for x', 'add it'],
  'a domain error has the status of its code');
select is(pg_temp.refusal($$select billing.raise_error('unknown_client', 'nobody')$$),
  array['PT404', 'unknown_client', 'nobody', ''], 'and may go without a hint');
select is((pg_temp.refusal($$select billing.raise_error('made_up', 'x')$$))[1], '22004',
  'a code that is not registered cannot be raised');
select is_empty($$
  select code from billing.error_codes e
  where (pg_temp.refusal(format('select billing.raise_error(%L, ''m'')', e.code)))[1:2]
    is distinct from array['PT' || e.http_status, e.code]$$, 'every registered one can');

select is((pg_temp.refusal($$select billing.refuse_negative('input_tokens', -3)$$))[1:3],
  array['PT400', 'negative_quantity', 'input_tokens is -3; it cannot be below zero'],
  'a count below zero is refused with its column and value');
select is((pg_temp.refusal($$select billing.refuse_nan('total_cost', 'NaN')$$))[1:3],
  array['PT400', 'invalid_argument', 'total_cost is NaN, not a number'],
  'a cost that is no number too');

-- Facts are appended. Each table that the guard is put on refuses to be emptied by it.
create temporary table guarded as
select t.tgrelid::regclass::text as name, t.tgtype from pg_trigger t
where t.tgfoid = '_billing.refuse_change'::regproc;
select cmp_ok((select count(*) from guarded), '>=', 11::bigint, 'there are guarded tables');
select is_empty($$
  select name, pg_temp.refusal('truncate ' || name || ' cascade') from guarded
  where (pg_temp.refusal('truncate ' || name || ' cascade'))[1:2]
    is distinct from '{PT409,append_only}'$$, 'none of them can be emptied');
select is_empty($$
  select name from guarded where tgtype & 8 = 8
    and (pg_temp.refusal('delete from ' || name))[3] is distinct from format(
      '%s is append-only: delete refused', regexp_replace(name, '^.*\.', ''))$$,
  'nor can rows of facts be deleted, though there be none');

-- The writer of a row is known by the transaction, not by a value that the writer sends.
select is(billing.storing_transaction(), pg_current_xact_id(), 'a row is stored by a transaction');
insert into public.agent_usage_logs (agent, model) values ('S', 'm');
select is((select stored_by from public.agent_usage_logs), billing.storing_transaction(),
  'which is noted with it');

select * from finish();
rollback;
