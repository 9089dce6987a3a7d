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
