-- A month's payouts, matched with the invoices that they come from.

-- A payment may be of several invoices, and an invoice may collect earlier ones: their numbers are
-- one text, so that no line, and no amount, is there twice.
create view billing.payout_lines with (security_invoker = true) as
select p.payout_id, p.arrives_on, p.status as payout_status, t.transaction_id, t.created_at,
  t.category, i.numbers as invoices, i.clients, t.gross_minor, t.fee_minor, t.net_minor,
  t.currency, t.exchange_rate, t.source_id, t.description, p.livemode
from public.stripe_payouts p
join public.stripe_payout_transactions t on t.payout_id = p.payout_id
left join lateral (
  select string_agg(distinct n.number, ' ' order by n.number) as numbers,
    string_agg(distinct c.name, ', ' order by c.name) as clients
  from public.stripe_payments s
  join public.stripe_invoices m on m.stripe_invoice_id = s.stripe_invoice_id
  join lateral (
    select m.invoice_id as id
    union all
    select h.held_invoice_id from public.stripe_carried h
    where h.carrying_invoice_id = m.invoice_id and h.livemode = m.livemode) o on true
  join public.invoices n on n.id = o.id
  join public.clients c on c.id = n.client_id
  where s.payment_intent_id = t.payment_intent_id) i on true;
comment on view billing.payout_lines is
  'What payouts are made of, with the invoices that were paid, refunded or disputed.';
revoke all on billing.payout_lines from public;
grant select on billing.payout_lines to service_role;

create view billing.payout_sums with (security_invoker = true) as
select p.payout_id, p.arrives_on, p.status, p.is_automatic,
  p.complete_at is not null as is_complete, p.currency, t.transactions, t.gross_minor,
  t.fee_minor, t.net_minor, p.amount_minor,
  case when p.complete_at is not null then p.amount_minor - t.net_minor end as difference_minor,
  p.livemode
from public.stripe_payouts p
cross join lateral (
  select count(*) as transactions, coalesce(sum(x.gross_minor), 0)::bigint as gross_minor,
    coalesce(sum(x.fee_minor), 0)::bigint as fee_minor,
    coalesce(sum(x.net_minor), 0)::bigint as net_minor
  from public.stripe_payout_transactions x where x.payout_id = p.payout_id) t;
comment on view billing.payout_sums is
  'Payouts with the sums of what they are made of: gross less fees is net, and net is the amount.';
revoke all on billing.payout_sums from public;
grant select on billing.payout_sums to service_role;
