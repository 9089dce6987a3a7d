-- What operators are told of recharges.

-- That the recharges of a client have reached a part of their cap: once a month for each part.
create function _billing.tell_of_cap(client_id uuid, percent integer, as_of timestamptz)
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  select billing.queue_operator_alert(
    format('recharge_cap:%s:%s:%s', r.client_id, m.month, percent),
    case when percent >= 100 then 'high' else 'normal' end,
    format('Recharges of %s have reached %s %% of their cap', c.name, percent),
    format('Recharges of %s come to %s of at most %s in the month from %s%s', c.name,
      billing.money_text(_billing.recharged_in_month(r.client_id, as_of), r.currency),
      billing.money_text(r.monthly_cap_minor, r.currency), m.month, case when percent >= 100
        then ': no other one is made. Raise the cap, or ask for a top-up' else '' end), r.client_id)
  from public.auto_recharges r
  join public.clients c on c.id = r.client_id
  cross join lateral (
    select date_trunc('month', billing.day_of(r.client_id, as_of)::timestamp)::date as month
  ) m
  where r.client_id = tell_of_cap.client_id;
$$;
comment on function _billing.tell_of_cap is
  'Tells operators, once a month, that recharges have reached a part of their cap.';

create function _billing.tell_of_caps(as_of timestamptz)
returns bigint language sql set search_path = pg_catalog, pg_temp as $$
  select coalesce(sum(_billing.tell_of_cap(r.client_id, x.reached, as_of)), 0)::bigint
  from public.auto_recharges r
  cross join lateral (
    select max(t) as reached from unnest('{80,90,100}'::integer[]) t
    where _billing.recharged_in_month(r.client_id, as_of) * 100 >= r.monthly_cap_minor * t
  ) x
  where not r.paused and x.reached is not null;
$$;
comment on function _billing.tell_of_caps is
  'Tells operators of recharges that have reached 80, 90 or 100 % of their cap.';

-- Recharges of a client pause where one of them is undone: its payment was given back, or its
-- invoice was voided by a person. Else the next one is charged at once. Operators are told.
create function _billing.pause_recharge(invoice_id uuid)
returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  top_up public.top_ups;
begin
  select * into top_up from public.top_ups t
  where t.invoice_id = pause_recharge.invoice_id and t.origin = 'low_balance';
  update public.auto_recharges r set paused = true
  where r.client_id = top_up.client_id and not r.paused;
  if found then
    perform billing.queue_operator_alert('recharge_paused:' || top_up.id, 'high',
      format('Recharges of %s are paused', c.name), format('The recharge %s of %s was voided, '
        'refunded or disputed: no other one is made until its recharges are resumed', i.number,
        c.name), c.id, i.id)
    from public.clients c join public.invoices i on i.id = top_up.invoice_id
    where c.id = top_up.client_id;
  end if;
end $$;
comment on function _billing.pause_recharge is
  'Pauses the recharges of the client of a recharge, and tells operators.';

create function _billing.pause_after_recharge() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform _billing.pause_recharge(new.invoice_id);
  return null;
end $$;
comment on function _billing.pause_after_recharge is
  'Pauses recharges of a client whose recharge has been undone.';

-- Void by its invoice: one whose payment has failed is declined.
create trigger pause_after_recharge after update on public.top_ups
  for each row when (new.state = 'void' and old.state <> 'void' and new.invoice_id is not null)
  execute function _billing.pause_after_recharge();
create trigger pause_after_recharge after insert on public.credit_entries
  for each row when (new.kind = 'withdrawal')
  execute function _billing.pause_after_recharge();
create trigger pause_after_recharge after insert on public.payments
  for each row when (new.kind in ('refund', 'dispute'))
  execute function _billing.pause_after_recharge();
