-- Texts that people give with an act and that are written down: notes, reasons, references. The
-- HTTP API refuses the same; these bounds hold for callers by SQL as well. Texts of Stripe and of
-- failures are cut instead: nobody is there who could send another one.

create function _billing.check_text(name text, value text, most integer,
  one_line boolean default false)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  -- Of several lines; tabs are taken too.
  plain constant text := translate(value, case when one_line then '' else E'\t\r' end, '');
begin
  if length(value) > most then
    perform billing.raise_error('invalid_argument',
      format('%s has %s characters, more than %s', name, length(value), most), 'shorten it');
  elsif plain <> (case when one_line then billing.plain_line(plain)
      else billing.plain_text(plain) end) then
    perform billing.raise_error('invalid_argument',
      format('%s holds a control or direction character', name),
      case when one_line then 'send one line of plain text'
        else 'send plain text; line breaks and tabs are taken' end);
  end if;
end $$;
comment on function _billing.check_text is
  'Refuses a text that is longer than this, or not plain; null is taken.';

create function _billing.require_reason(act text, name text, value text,
  most integer default 500)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if btrim(coalesce(value, '')) = '' then
    perform billing.raise_error('invalid_argument', format('%s needs a reason', act),
      format('give %s: why, in up to %s characters', name, most));
  end if;
  perform _billing.check_text(name, value, most);
end $$;
comment on function _billing.require_reason is
  'Refuses an act without a reason, or with one that is too long or not plain.';
