-- Texts of lists.

-- What lists are cut to where their length is not ours to choose: messages, reports. Each entry
-- stays on its line, whatever the names in it hold.
create function _billing.first_few(list text[], most integer default 10,
  separator text default ', ')
returns text language sql immutable parallel safe
return array_to_string(
    array(select billing.plain_line(e.entry)
      from unnest(list[:most]) with ordinality e(entry, place) order by e.place), separator)
  || case when cardinality(list) > most then format('%sand %s more', separator,
    cardinality(list) - most) else '' end;
comment on function _billing.first_few is
  'The first entries of a list, and how many more there are.';
