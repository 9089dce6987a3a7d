-- A document is in the language of its client's locale, as it is on the day of issue.
begin;
select plan(7);

select is(array(select _billing.document_language(l)
    from unnest('{de-AT,pt-BR,ar,ja-JP,fr-CH,nl,it,es-419}'::text[]) with ordinality x(l, n)
    order by n),
  array(select jsonb_build_object('language', l)
    from unnest('{de,pt,ar,ja,fr,nl,it,es}'::text[]) l),
  'document_language: the language of a locale, whatever its region');
select is(array(select distinct _billing.document_language(l)
    from unnest('{en,en-US,en-DE,sv,zh-Hans-CN,deu,ara}'::text[]) l), array['{}']::jsonb[],
  'English is not named, nor is a language that the dictionary lacks');

insert into public.clients (id, name, started_on, locale) values
  ('00000000-0000-4000-8000-000000000a61', 'Birke', '2026-06-01', 'de-DE'),
  ('00000000-0000-4000-8000-000000000a62', 'Acme', '2026-06-01', 'en-US');
select billing.run_monthly('2026-07-01 12:00+00');
create temporary table issued as
select i.id, i.number, c.name, i.document from public.invoices i
join public.clients c on c.id = i.client_id where i.status = 'open';
select results_eq($$select name, document ->> 'language', document ? 'language' from issued
  order by 1$$, $$values ('Acme', null, false), ('Birke', 'de', true)$$,
  'documents_of: the language is frozen with the invoice');

update public.clients set locale = 'fr-FR';
select is_empty($$select from public.invoices i join issued o on o.id = i.id
  where i.document <> o.document$$, 'another locale changes no issued document');
select throws_ok(format($$update public.invoices
    set document = jsonb_set(document, '{language}', '"fr"') where id = %L$$,
    (select id from issued where name = 'Birke')), null, null,
  'nor does anybody else');

select billing.issue_credit_note((select id from issued where name = 'Birke'), 'Goodwill', 100);
select results_eq($$select document ->> 'language', document ->> 'locale',
    document #>> '{totals,tax_included_minor}'
  from public.credit_notes$$, $$values ('fr', 'fr-FR', '0')$$,
  'write_credit_document: a credit note is in the language of its own day');
select billing.run_monthly('2026-08-01 12:00+00');
select results_eq($$select distinct document ->> 'language' from public.invoices
  where period_start = '2026-07-01'$$, $$values ('fr')$$, 'and so is the next invoice');

select * from finish();
rollback;
