-- Two callers with one key each get the answer to their own request.
begin;
select plan(3);

create function pg_temp.claim(actor text) returns setof text language sql as $$
  select concat_ws(' ', is_new, same_request, status, answer)
  from billing.claim_idempotency_key(actor, 'k', 'POST /x', 'hash of ' || actor);
$$;
select pg_temp.claim('ada'), pg_temp.claim('bob');
update billing.idempotency_keys set status = case actor when 'ada' then 201 else 409 end,
  answer = to_json(actor);
select results_eq($$select pg_temp.claim('ada')$$, $$values ('f t 201 "ada"')$$,
  'the first caller gets its own answer');
select results_eq($$select pg_temp.claim('bob')$$, $$values ('f t 409 "bob"')$$,
  'the second caller gets its own answer');
select results_eq($$select pg_temp.claim('eve')$$, $$values ('t t')$$, 'and a third one gets none');

select * from finish();
rollback;
