-- Events one by one, where the table does not take all of them.
begin;
select plan(2);

create temporary table answer as
select * from billing.insert_one_by_one('[
  {"index": 0, "id": "00000000-0000-4000-8000-000000000801", "event": {"agent": "A", "model": "m"}},
  {"index": 1, "id": "00000000-0000-4000-8000-000000000802",
    "event": {"agent": "A", "model": "m", "input_tokens": -1}},
  {"index": 2, "id": "00000000-0000-4000-8000-000000000801", "event": {"agent": "A", "model": "m"}},
  {"index": 3, "id": "00000000-0000-4000-8000-000000000803",
    "event": {"agent": "A", "model": "m", "corrects_id": "x"}}]');
select is((select inserted from answer), array[0], 'the first of an id is stored');
select is((select array_agg(k order by k) from answer, jsonb_object_keys(refused) k),
  array['1', '3'], 'refused events and corrections are named with the reason');

select * from finish();
rollback;
