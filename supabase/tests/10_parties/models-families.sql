-- A model's family decides its price: what is invoiced keeps the price it was billed under. How
-- its provider counts decides its usage: a change counts anew.
begin;
select plan(11);

insert into public.clients (id, name, started_on) values
  ('00000000-0000-0000-0000-00000000000a', 'Acme', '2026-06-01');
insert into public.prices (model, family, metric, unit_amount) values
  (null, 'small', 'pages', 1), (null, 'large', 'pages', 2), (null, null, 'pages', 3),
  ('exact', null, 'pages', 4);
insert into public.models (id, family) values ('alias', 'small'), ('unused', 'small'),
  ('twin', 'small'), ('doomed', 'small');
insert into public.agent_usage_logs (agent, model, other_features, "timestamp", client_id)
select 'SCHOLAR', m, '{"pages": 100}', '2026-06-10 12:00+00', c.id
from public.clients c, unnest('{alias,unlisted,exact}'::text[]) m;
select billing.run_monthly('2026-07-01 00:00+00');
select is((select count(*) from public.invoice_lines where metric = 'pages'), 3::bigint,
  'three models are invoiced: by family, for any model, by name');

select throws_ok($$update public.models set family = 'large' where id = 'alias'$$, 'PT409', null,
  'the family of an invoiced model cannot change');
select throws_ok($$delete from public.models where id = 'alias'$$, 'PT409', null,
  'an invoiced model cannot be deleted');
select throws_ok($$update public.models set id = 'other-name' where id = 'alias'$$, 'PT409', null,
  'nor pass to another name');
select throws_ok($$insert into public.models (id, family) values ('unlisted', 'large')$$, 'PT409',
  null, 'nor come to a model that was billed as any');
select lives_ok($$insert into public.models (id, family) values ('exact', 'large')$$,
  'a family that does not matter to the price can');
select lives_ok($$update public.models set family = 'large' where id = 'unused'$$,
  'and so can that of a model without invoiced usage');

-- Counting anew.
create function pg_temp.requested() returns bigint language sql as $$
  select _billing.resolve_rebuild_requests();
  with gone as (delete from billing.rebuild_requests returning 1) select count(*) from gone;
$$;
insert into public.agent_usage_logs (agent, model, "timestamp", client_id)
select 'SCHOLAR', m, '2026-07-10 12:00+00', c.id
from public.clients c, unnest('{twin,doomed}'::text[]) m;
select _billing.rollup();
select pg_temp.requested();
update public.models set provider = 'openai' where id = 'twin';
select is(pg_temp.requested(), 1::bigint, 'a model''s new provider counts its usage anew');
update public.models set family = 'small', provider = 'openai' where id = 'twin';
select is(pg_temp.requested(), 0::bigint, 'a change that keeps the provider asks for no rebuild');
update public.providers set reasoning_within_output = false where id = 'openai';
select is(pg_temp.requested(), 1::bigint, 'so does a provider that counts otherwise');
delete from public.models where id = 'doomed';
select is(pg_temp.requested(), 1::bigint, 'and so does a model that is no longer known');

select * from finish();
rollback;
