-- What Stripe pays out to the seller's bank account, and what each payout is made of: payments,
-- refunds, disputes and Stripe's fees. Not the customers' credit balances: those are in
-- public.stripe_balance_transactions.

create table public.stripe_payouts (
  payout_id text primary key,
  livemode boolean not null,
  status text not null,
  is_automatic boolean not null,
  amount_minor bigint not null,
  currency text not null,
  arrives_on date not null,
  created_at timestamptz not null,
  complete_at timestamptz
);
comment on table public.stripe_payouts is 'Payouts of Stripe to the seller''s bank account.';
comment on column public.stripe_payouts.status is
  'Stripe''s: pending, in_transit, paid, failed or canceled; paid may still become failed.';
comment on column public.stripe_payouts.is_automatic is
  'Of others Stripe does not say what they are made of.';
comment on column public.stripe_payouts.complete_at is
  'When all that it is made of was here; null: not yet, or Stripe does not say.';
create index stripe_payouts_arrival on public.stripe_payouts (arrives_on);

create table public.stripe_payout_transactions (
  transaction_id text primary key,
  payout_id text not null references public.stripe_payouts (payout_id),
  type text not null,
  category text not null,
  gross_minor bigint not null,
  fee_minor bigint not null,
  net_minor bigint not null,
  currency text not null,
  exchange_rate numeric,
  source_id text,
  payment_intent_id text,
  description text,
  created_at timestamptz not null,
  constraint stripe_payout_transactions_net check (net_minor = gross_minor - fee_minor)
);
comment on table public.stripe_payout_transactions is
  'Moves of the account''s balance in Stripe that a payout is made of; refunds and fees of Stripe''s
   own are negative.';
comment on column public.stripe_payout_transactions.category is 'Stripe''s reporting category.';
comment on column public.stripe_payout_transactions.currency is
  'That of the payout; the invoice''s is another where exchange_rate is not null.';
create index stripe_payout_transactions_payout
  on public.stripe_payout_transactions (payout_id, created_at);

do $$
declare
  mirrored text;
begin
  foreach mirrored in array array['stripe_payouts', 'stripe_payout_transactions'] loop
    execute format('alter table public.%I enable row level security', mirrored);
    execute format('revoke all on public.%I from anon, authenticated, service_role', mirrored);
    execute format('grant select on public.%I to service_role, authenticated', mirrored);
    execute format('create policy "operators read" on public.%I for select to authenticated
      using ((select billing.is_operator()))', mirrored);
  end loop;
end $$;

-- True where what it is made of is to be listed: Stripe knows it all, and we do not.
create function _billing.save_stripe_payout(payout jsonb) returns boolean
language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_payouts as p (payout_id, livemode, status, is_automatic, amount_minor,
    currency, arrives_on, created_at)
  values (payout ->> 'id', (payout ->> 'livemode')::boolean, payout ->> 'status',
    (payout ->> 'automatic')::boolean,
    _billing.from_stripe((payout ->> 'amount')::bigint, payout ->> 'currency'),
    upper(payout ->> 'currency'),
    (_billing.at_epoch(payout ->> 'arrival_date') at time zone 'UTC')::date,
    _billing.at_epoch(payout ->> 'created'))
  on conflict (payout_id) do update set status = excluded.status, arrives_on = excluded.arrives_on
  returning p.complete_at is null and p.is_automatic
    and payout ->> 'reconciliation_status' is not distinct from 'completed';
$$;
comment on function _billing.save_stripe_payout is
  'Notes a payout; true where what it is made of is to be listed.';

-- The payout's own move, which takes its amount off the balance, is none of what it is made of.
create function _billing.save_payout_transactions(payout_id text, transactions jsonb) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  insert into public.stripe_payout_transactions (transaction_id, payout_id, type, category,
    gross_minor, fee_minor, net_minor, currency, exchange_rate, source_id, payment_intent_id,
    description, created_at)
  select t ->> 'id', save_payout_transactions.payout_id, t ->> 'type', t ->> 'reporting_category',
    _billing.from_stripe((t ->> 'amount')::bigint, t ->> 'currency'),
    _billing.from_stripe((t ->> 'fee')::bigint, t ->> 'currency'),
    _billing.from_stripe((t ->> 'net')::bigint, t ->> 'currency'), upper(t ->> 'currency'),
    (t ->> 'exchange_rate')::numeric, coalesce(t #>> '{source,id}', t ->> 'source'),
    case jsonb_typeof(t -> 'source') when 'object' then coalesce(
      t #>> '{source,payment_intent,id}', t #>> '{source,payment_intent}') end,
    t ->> 'description', _billing.at_epoch(t ->> 'created')
  from jsonb_array_elements(transactions) t
  where coalesce(t #>> '{source,id}', t ->> 'source', '') <> save_payout_transactions.payout_id
  on conflict (transaction_id) do nothing;
$$;
comment on function _billing.save_payout_transactions is
  'Notes what a payout is made of, page by page; each once.';

create function _billing.complete_payout(payout_id text) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update public.stripe_payouts p set complete_at = now()
  where p.payout_id = complete_payout.payout_id and p.complete_at is null;
$$;
comment on function _billing.complete_payout is 'Notes that all of a payout is here.';

-- What its parts come to and what it is, where all is here and the two differ. Asked for as long as
-- Stripe lists it: a call that was killed after it had noted the last part may have told nobody.
create function _billing.payout_difference(payout_id text)
returns table (parts_minor bigint, amount_minor bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select x.parts, p.amount_minor
  from public.stripe_payouts p
  cross join lateral (select coalesce(sum(t.net_minor), 0)::bigint as parts
    from public.stripe_payout_transactions t where t.payout_id = p.payout_id) x
  where p.payout_id = payout_difference.payout_id and p.complete_at is not null
    and x.parts <> p.amount_minor;
$$;
comment on function _billing.payout_difference is
  'A row where all of a payout is here and its parts do not come to its amount.';
