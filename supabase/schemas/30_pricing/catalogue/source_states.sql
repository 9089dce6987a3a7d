-- Whether a source has anything new to say.

-- A text that was compared with the catalogue as it is says nothing new.
create function _billing.is_compared(source text, sha256 text)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from billing.price_source_states s
    where s.source = is_compared.source and s.sha256 = is_compared.sha256
      and s.compared_to = (select coalesce(max(l.id), 0) from public.list_prices l));
$$;
comment on function _billing.is_compared is
  'Whether this text of a source was compared with the list prices that there are now.';

-- A source that could be read, whole. Nothing is written where there is nothing new.
create function _billing.note_compared(source text, sha256 text, models integer, at timestamptz)
returns void language sql set search_path = pg_catalog, pg_temp as $$
  insert into billing.price_source_states as s (source, read_at, sha256, models, compared_to)
  select note_compared.source, at, note_compared.sha256, note_compared.models,
    (select coalesce(max(l.id), 0) from public.list_prices l)
  on conflict on constraint price_source_states_pkey do update
  set read_at = excluded.read_at, sha256 = excluded.sha256, models = excluded.models,
    compared_to = excluded.compared_to, problem = null, problem_since = null
  where (s.sha256, s.models, s.compared_to) is distinct from
    (excluded.sha256, excluded.models, excluded.compared_to) or s.problem is not null;
$$;
comment on function _billing.note_compared is
  'Notes that a source was compared, which ends what was wrong with it.';
