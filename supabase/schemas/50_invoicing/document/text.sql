-- Numbers as text, for documents.

-- numeric as a plain decimal string, so that no reader parses it as a float.
create function _billing.decimal_text(value numeric) returns text language sql immutable
return trim_scale(value)::text;

-- Parts of JSON as text: what has been escaped, and digits, which need no escaping.
create function _billing.json_text(value text) returns text language sql stable
return coalesce(to_json(value)::text, 'null');

create function _billing.json_digits(value numeric) returns text language sql immutable
return coalesce('"' || trim_scale(value)::text || '"', 'null');
