import type { Sql } from "postgres";
import { disputedOf } from "./disputes.ts";
import { totalOf } from "./invoice-figures.ts";
import type { State } from "./state.ts";

/** One invoice as the books have it, and as the stand-in has it. Minor units of its currency. */
export interface Side {
  readonly number: string;
  /** First day of the period. */
  readonly period: string;
  readonly status: string;
  readonly total: number;
  readonly due: number;
  /** Paid, less what was given back or taken back. */
  readonly received: number;
  readonly stripes: {
    readonly id: string;
    readonly status: string;
    readonly total: number;
    readonly received: number;
  };
}

/**
 * Every issued invoice that the stand-in has, from both sides, by number. The stand-in's are found
 * by our id in their metadata, not by what we wrote down; throws where one is there twice.
 */
export async function bothSides(sql: Sql, state: State): Promise<Side[]> {
  const rows = await sql<{ id: string; number: string; period: string; status: string }[]>`
    select id, number, period_start::text as period, status from public.invoices
    where number is not null order by number`;
  const money = await sql<{ id: string; total: number; due: number; received: number }[]>`
    select i.id, i.total_minor::int as total, i.amount_due_minor::int as due,
      coalesce((select sum(p.amount_minor) from public.payments p
        where p.invoice_id = i.id and p.method <> 'stripe_balance'), 0)::int as received
    from public.invoices i`;
  return rows.flatMap(({ id, ...invoice }) => {
    const own = money.find((one) => one.id === id);
    const [theirs, ...more] = [...state.invoices.values()].filter((one) =>
      one.metadata.leveredge_invoice_id === id && one.latest_revision === null
    );
    if (own === undefined || theirs === undefined) return [];
    if (more.length > 0) throw new Error(`${invoice.number} is in Stripe more than once`);
    const refunded = [...state.payments.values()]
      .filter((payment) => payment.invoice === theirs.id)
      .reduce((sum, payment) => sum + payment.refunded, 0);
    return [{
      ...invoice,
      total: own.total,
      due: own.due,
      received: own.received,
      stripes: {
        id: theirs.id,
        status: theirs.status,
        total: totalOf(theirs),
        received: theirs.amount_paid - refunded - disputedOf(state, theirs.id),
      },
    }];
  });
}

/** Whether both say the same: total, status, and money received. */
export function agrees({ total, status, received, stripes }: Side): boolean {
  return total === stripes.total && status === stripes.status && received === stripes.received;
}
