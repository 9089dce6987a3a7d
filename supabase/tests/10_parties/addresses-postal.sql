-- The parts of an address, for those that want them apart, and the lines of it agree.
begin;
select plan(15);

create function pg_temp.address(name text) returns table (lines text[], parts jsonb)
language sql as $$
  select c.address, c.postal_address from public.clients c where c.name = address.name;
$$;
insert into public.clients (name, postal_address) values ('Parts', '{"line1": "1 Road",
  "city": "Dublin", "postal_code": "D02", "state": "Leinster", "country": "IE"}');
insert into public.clients (name, address) values ('Lines', '{1 Road,Dublin}');
insert into public.clients (name, address, postal_address) values ('Both', '{Hauptstr. 1,Berlin}',
  '{"line1": "Hauptstr. 1", "country": "DE"}');

select results_eq($$select lines from pg_temp.address('Parts')$$,
  $$values (array['1 Road', 'D02 Dublin', 'Leinster', 'IE'])$$, 'parts alone make the lines');
select results_eq($$select * from pg_temp.address('Lines')$$,
  $$values (array['1 Road', 'Dublin'], null::jsonb)$$, 'lines alone have no parts');
select results_eq($$select lines from pg_temp.address('Both')$$,
  $$values (array['Hauptstr. 1', 'Berlin'])$$, 'both are as they were given');
update public.clients set postal_address = postal_address || '{"city": "Cork"}'
where name = 'Parts';
select results_eq($$select lines from pg_temp.address('Parts')$$,
  $$values (array['1 Road', 'D02 Cork', 'Leinster', 'IE'])$$, 'new parts make new lines');
update public.clients set address = '{Elsewhere}' where name = 'Parts';
select results_eq($$select * from pg_temp.address('Parts')$$,
  $$values (array['Elsewhere'], null::jsonb)$$, 'new lines alone end the parts that were');
update public.clients set name = 'Both of them' where name = 'Both';
select results_eq($$select * from pg_temp.address('Both of them')$$,
  $$values (array['Hauptstr. 1', 'Berlin'], '{"line1": "Hauptstr. 1", "country": "DE"}'::jsonb)$$,
  'another change leaves both');
update public.clients set postal_address = null where name = 'Both of them';
select results_eq($$select * from pg_temp.address('Both of them')$$,
  $$values (array['Hauptstr. 1', 'Berlin'], null::jsonb)$$, 'parts can be taken away alone');
select trigger_is('public', 'clients', 'keep_address', '_billing', 'keep_address',
  'from any writer');

select ok(billing.is_postal_address('{"line1": "x", "line2": "y", "city": "z", "state": "s",
  "postal_code": "1", "country": "US"}'), 'six parts are known');
select ok(not billing.is_postal_address('{"line1": "x"}'), 'the country is one that there must be');
select ok(not billing.is_postal_address('{"country": "Ireland"}'), 'by its code');
select ok(not billing.is_postal_address('{"country": "IE", "street": "x"}'), 'no part is unknown');
select ok(not billing.is_postal_address('{"country": "IE", "city": ""}'), 'no part is empty');
select ok(not billing.is_postal_address('{"country": "IE", "city": 7}'), 'each is text');
select ok(not billing.is_postal_address('{"country": "IE", "city": "a\nb"}'), 'of one line');

select * from finish();
rollback;
