-- Which known model an unknown id may mean. Only ever proposed: nothing is priced by a guess.

-- What other names there are for a provider, as catalogues write them.
create function _billing.provider_name(name text)
returns text language sql immutable set search_path = pg_catalog, pg_temp as $$
  select coalesce((
    select k.ours from (values ('google', 'gemini'), ('x-ai', 'xai'), ('mistralai', 'mistral'),
      ('z-ai', 'zai'), ('moonshotai', 'moonshot'), ('meta-llama', 'meta'),
      ('azure_openai', 'azure'), ('vertex', 'vertex_ai'),
      ('google-vertex', 'vertex_ai')) k(theirs, ours)
    where k.theirs = lower(name)), lower(name));
$$;
comment on function _billing.provider_name is
  'A provider by the name that the catalogue has for it.';

-- Ids that differ from the given one by how it is written, the nearest first: without region, with
-- the provider written otherwise or not at all, without version and date. Each step begins with the
-- one before.
create function _billing.other_ids(id text)
returns table (other text, place integer, how text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select o.other, min(o.place), (array_agg(o.how order by o.place))[1]
  from (
    select regexp_replace(id, '^(us-gov|us|eu|apac|ap|au|jp|ca|sa|me|global)\.', '') as regionless
  ) r
  cross join lateral (
    select substring(r.regionless from '^([^/]+)/') as provider,
      regexp_replace(r.regionless, '^[^/]+/', '') as bare
  ) b
  cross join lateral (
    select regexp_replace(regexp_replace(b.bare, '^[a-z0-9]+\.(?=[a-z])', ''),
      '-v\d+(:\d+)?$', '') as unversioned
  ) u
  cross join lateral (
    select regexp_replace(u.unversioned, '@(\d{8})$', '-\1') as dashed,
      regexp_replace(u.unversioned, '[-@](\d{8}|\d{4}-\d\d-\d\d|latest|default)$', '') as dateless
  ) d
  cross join lateral (values
    (r.regionless, 1, 'without its region'),
    (_billing.provider_name(b.provider) || '/' || b.bare, 2, 'with the provider''s other name'),
    (b.bare, 3, 'without its provider'),
    (u.unversioned, 4, 'without provider and version'),
    (d.dashed, 5, 'with its date written otherwise'),
    (_billing.provider_name(b.provider) || '/' || d.dateless, 6, 'without its date'),
    (d.dateless, 7, 'without provider, version and date')
  ) o(other, place, how)
  where o.other <> id and o.other <> ''
  group by o.other;
$$;
comment on function _billing.other_ids is
  'Ids that an id may be another way to write, nearest first.';

-- Known models with a list price. A provider that the id names has to be the known model's: one
-- provider's price is not another's.
create function billing.resolve_model(id text)
returns table (model text, provider text, how text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: callers may not call what it is made of.
  select m.id, m.provider, o.how
  from _billing.other_ids(resolve_model.id) o
  join public.listed_models m on m.id = o.other
  where exists (select from public.list_prices l where l.model = m.id)
    and (resolve_model.id !~ '/' or _billing.provider_name(m.provider)
      = _billing.provider_name(split_part(resolve_model.id, '/', 1)))
  order by o.place;
$$;
comment on function billing.resolve_model is
  'Known models that an id may mean, the nearest first, and how their ids differ. A guess: the id is
   priced by one of them only when somebody has accepted the proposal.';
grant execute on function billing.resolve_model(text) to service_role;
