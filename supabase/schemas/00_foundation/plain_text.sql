-- Texts to people hold names that others chose: agents, models, clients. Control characters could
-- forge a line of a message, and characters that set the direction of text could make an amount or
-- an account read backwards.

create function billing.plain_text(value text)
returns text language sql immutable parallel safe
return regexp_replace(
  regexp_replace(value, '[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]', '', 'g'),
  '[\x01-\x09\x0b-\x1f\x7f-\x9f]+', ' ', 'g');
comment on function billing.plain_text is
  'A text of several lines without direction characters; other control characters become spaces.';

-- What a view calls, it calls as its reader.
grant execute on function billing.plain_text(text) to service_role;

create function billing.plain_line(value text)
returns text language sql immutable parallel safe
return regexp_replace(billing.plain_text(value), '\n+', ' ', 'g');
comment on function billing.plain_line is 'A text, plain and on one line.';
grant execute on function billing.plain_line(text) to service_role;
