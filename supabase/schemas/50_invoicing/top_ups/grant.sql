-- What becomes of a top-up with its invoice. By triggers: whichever way the invoice is paid, the
-- credit is granted in that transaction, and never without the payment.

-- Grants the credit of a top-up whose invoice is paid: all of it, less what was credited of the
-- invoice before, with the tax in it.
create function _billing.grant_top_up(top_up public.top_ups, amount bigint, paid_at timestamptz)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  made uuid;
begin
  insert into public.credit_grants (client_id, kind, currency, amount_minor, cost_minor,
    granted_at, effective_at, expires_at, method, top_up_id, note, tax_minor, tax_invoice_id)
  select top_up.client_id, 'paid', top_up.currency, amount, amount, grant_top_up.paid_at,
    grant_top_up.paid_at, _billing.day_start(top_up.client_id,
      billing.day_of(top_up.client_id, grant_top_up.paid_at) + top_up.expires_after_days),
    'top_up', top_up.id, top_up.note, x.tax, case when x.tax > 0 then i.id end
  from public.invoices i
  cross join lateral (
    select _billing.tax_share(amount, i.total_minor, i.tax_included_minor) as tax
  ) x
  where i.id = top_up.invoice_id
  on conflict on constraint credit_grants_top_up_id_key do nothing
  returning id into made;
  if made is not null then
    perform _billing.move_credit(array[
      (made, 'grant', amount, paid_at, null, null, null)::_billing.credit_movement]);
  end if;
end $$;
comment on function _billing.grant_top_up is 'Grants the credit of a top-up, once.';

create function _billing.follow_top_up() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  top_up public.top_ups;
  amount constant bigint := new.total_minor - new.credited_minor;
begin
  select * into top_up from public.top_ups t where t.invoice_id = new.id;
  if new.status = 'paid' and amount > 0 then
    perform _billing.grant_top_up(top_up, amount, new.paid_at);
    -- A part of the payment may have gone back before the rest was settled.
    perform _billing.take_rest_back(new.id, amount, new.paid_at);
  end if;
  update public.top_ups t set
    state = case when new.status = 'paid' and amount > 0 then 'granted'
      when new.status = 'uncollectible' or t.state = 'declined' then 'declined'
      when new.status in ('paid', 'void') then 'void' else t.state end,
    declined_at = case when new.status = 'uncollectible' then new.uncollectible_at
      else t.declined_at end
  where t.id = top_up.id;
  return null;
end $$;
comment on function _billing.follow_top_up is
  'Grants a top-up when its invoice is paid, and notes that it will not be.';

create trigger follow_top_up after update on public.invoices
  for each row when (new.kind = 'top_up' and old.status <> new.status)
  execute function _billing.follow_top_up();
