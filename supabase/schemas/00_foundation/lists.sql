-- Texts of lists.

-- What lists are cut to where their length is not ours to choose: messages, reports.
create function _billing.first_few(list text[], most integer default 10,
  separator text default ', ')
returns text language sql immutable parallel safe
return array_to_string(list[:most], separator)
  || case when cardinality(list) > most then format('%sand %s more', separator,
    cardinality(list) - most) else '' end;
comment on function _billing.first_few is
  'The first entries of a list, and how many more there are.';
