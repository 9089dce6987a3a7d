/** Our side: sums of the books, minor units. */
import type { DanceWorld } from "./world.ts";

export interface Ledger {
  /** Totals of all invoices but void ones. */
  readonly billed: number;
  readonly due: number;
  readonly credit: number;
  /** On credit notes, and not refunded yet. */
  readonly toRefund: number;
  /** Kept of what came through Stripe. */
  readonly received: number;
  readonly elsewhere: number;
}

export async function ledgerOf({ sql }: DanceWorld, client: string): Promise<Ledger> {
  const [row] = await sql<Ledger[]>`
    select i.billed, i.due, b.credit, p.received, p.elsewhere,
      n.noted + p.refunds - b.refunds as "toRefund"
    from (select
        coalesce(sum(total_minor) filter (where status <> 'void'), 0)::int as billed,
        coalesce(sum(amount_due_minor) filter (where status in ('open', 'uncollectible')), 0)::int
          as due
      from public.invoices where client_id = ${client} and number is not null) i,
      (select coalesce(sum(amount_minor), 0)::int as credit,
        coalesce(sum(amount_minor) filter (where reason = 'refund'), 0)::int as refunds
      from public.balance_entries where client_id = ${client}) b,
      (select coalesce(sum(amount_minor) filter (where method = 'stripe'), 0)::int as received,
        coalesce(sum(amount_minor) filter (where method not in ('stripe', 'stripe_balance')),
          0)::int as elsewhere,
        coalesce(sum(amount_minor) filter (where kind in ('refund', 'refund_failed')), 0)::int
          as refunds
      from public.payments where client_id = ${client}) p,
      (select coalesce(sum(c.to_refund_minor), 0)::int as noted
      from public.credit_notes c join public.invoices o on o.id = c.invoice_id
      where o.client_id = ${client} and c.voided_at is null) n`;
  if (row === undefined) throw new Error(`no ledger of ${client}`);
  return row;
}

interface Standing {
  readonly id: string;
  readonly number: string;
  readonly status: string;
  readonly due: number;
  /** Whether it collects another invoice, is collected by one, or was too small for Stripe. */
  readonly carries: boolean;
  /** Whether a part was paid elsewhere of a debt that is written off: Stripe is not told of it. */
  readonly isPartlyWrittenOff: boolean;
}

export async function standingsOf({ sql }: DanceWorld): Promise<Standing[]> {
  return [
    ...await sql<Standing[]>`
      select i.id, i.number, i.status, case when i.status in ('open', 'uncollectible')
          then i.amount_due_minor else 0 end::int as due,
        coalesce(m.state = 'held' or m.carried_minor > 0 or m.left_over_minor > 0, false)
          as carries,
        i.status = 'uncollectible' and exists (select from public.payments p
          where p.invoice_id = i.id and p.method not in ('stripe', 'stripe_balance'))
          as "isPartlyWrittenOff"
      from public.invoices i left join public.stripe_invoices m on m.invoice_id = i.id
      where i.number is not null order by i.number`,
  ];
}

/** What operators were told, by the key that keeps it from being told twice. */
export async function noticesOf({ sql }: DanceWorld) {
  return [
    ...await sql<{ key: string; message: string }[]>`
      select dedupe_key as key, payload ->> 'message' as message from public.deliveries
      where kind = 'hermes' and dedupe_key like 'stripe:%' order by id`,
  ];
}

type Books = ReadonlyMap<string, readonly string[]>;

/** What is in one of them alone, by its kind. */
export function changesOf(before: Books, after: Books): string[] {
  return [...after].flatMap(([kind, now]) => {
    const then = before.get(kind) ?? [];
    return [
      ...then.filter((one) => !now.includes(one)).map((one) => `${kind}: ${one} is gone`),
      ...now.filter((one) => !then.includes(one)).map((one) => `${kind}: ${one} is new`),
    ];
  });
}

/** All that late events and another reconciliation may not change. */
export async function bookedOf({ sql }: DanceWorld): Promise<Books> {
  const rows = await sql<{ kind: string; entries: string[] }[]>`
    select b.kind, array(select jsonb_array_elements(case jsonb_typeof(b.value) when 'array'
      then b.value else jsonb_build_array(b.value) end)::text) as entries
    from jsonb_each(jsonb_build_object(
      'invoices', (select jsonb_agg(jsonb_build_array(number, status, amount_due_minor, paid_minor,
        credited_minor) order by number) from public.invoices),
      'payments', (select count(*) from public.payments),
      'notes', (select jsonb_agg(jsonb_build_array(number, voided_at is null) order by number)
        from public.credit_notes),
      'service', (select jsonb_agg(jsonb_build_array(client_id, starts_on, ends_on)
        order by client_id, starts_on) from public.service_intervals),
      'subscriptions', (select jsonb_agg(jsonb_build_array(stripe_subscription_id, status,
        base_fee_minor) order by stripe_subscription_id) from public.stripe_subscriptions),
      'balance', (select jsonb_agg(jsonb_build_array(client_id, amounts) order by client_id)
        from (select client_id, array_agg(amount_minor order by created_at, amount_minor) as amounts
          from public.balance_entries group by client_id) e))) b(kind, value)`;
  return new Map(rows.map(({ kind, entries }) => [kind, entries]));
}
