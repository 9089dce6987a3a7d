import type { Sql } from "postgres";
import { bothSides, type Side } from "../../standins/stripe/both-sides.ts";
import type { Violation } from "../history.ts";
import type { StripeDifference } from "../quiesce.ts";
import type { Outside } from "../stage.ts";

/**
 * Both sides say the same of every invoice, or reconciliation has said that they do not; nobody is
 * a customer twice, no invoice is there twice, and all that were sent are there.
 */
export async function checkStripe(
  sql: Sql,
  { stripe }: Outside,
  left: readonly StripeDifference[],
): Promise<Violation[]> {
  const { state } = stripe;
  const sides = await bothSides(sql, state);
  const reported = new Set(left.flatMap(({ number, stripe_invoice_id }) => [
    number,
    stripe_invoice_id,
  ]));
  const money = new Map((await readMoney(sql)).map((one) => [one.number, one]));
  const apart = sides.filter((side) =>
    !isInStep(side, money.get(side.number)) && !reported.has(side.number) &&
    !reported.has(side.stripes.id)
  ).map((side) => ({
    check: "stripe",
    about: [`client ${money.get(side.number)?.name}`],
    detail: `in no report: ${JSON.stringify({ ...side, ...money.get(side.number) })}`,
  }));
  const never = left.filter(({ kind }) =>
    kind === "twice_in_stripe" || kind === "missing_in_stripe" || kind === "unknown_here"
  );
  const customers = [...state.customers.values()].filter(({ deleted }) => !deleted)
    .map(({ metadata }) => metadata["leveredge_client_id"]);
  const missing = await sql<{ number: string }[]>`
    select i.number from public.invoices i
    join public.deliveries d on d.invoice_id = i.id and d.kind = 'stripe' and d.state = 'done'
    join public.stripe_invoices m on m.invoice_id = i.id and m.state not in ('held', 'refused')
    where i.number <> all (${sides.map(({ number }) => number)})`;
  return [
    ...apart,
    ...never.map((one) => ({ check: "stripe", about: [], detail: JSON.stringify(one) })),
    ...missing.map(({ number }) => ({
      check: "stripe",
      about: [],
      detail: `${number} was sent and is not there`,
    })),
    ...new Set(customers).size === customers.length ? [] : [{
      check: "stripe",
      about: [],
      detail: `${customers.length} customers are ${new Set(customers).size} clients`,
    }],
  ];
}

interface Money {
  readonly number: string;
  readonly name: string;
  /** What Stripe was given to collect. */
  readonly agreed: number;
  /** The least that may have been, after all that was settled here before. */
  readonly least: number;
  /** Of earlier invoices, too small to be collected by themselves. */
  readonly carried: number;
  /** Received by Stripe, as booked here, less what was given back. */
  readonly booked: number;
  /** Received here, and told to Stripe. */
  readonly told: number;
}

async function readMoney(sql: Sql): Promise<Money[]> {
  return await sql<Money[]>`
    select i.number, c.name, m.agreed_total_minor::int as agreed, (i.total_minor
        - i.balance_applied_minor - i.credited_minor - i.paid_minor)::int as least,
      m.carried_minor::int as carried, m.paid_off_stripe_minor::int as told, (
        select coalesce(sum(p.amount_minor), 0) from public.payments p
        where p.method = 'stripe' and (p.invoice_id = i.id or p.invoice_id in (
          select h.held_invoice_id from public.stripe_carried h
          where h.carrying_invoice_id = i.id)))::int as booked
    from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
    join public.clients c on c.id = i.client_id`;
}

/** The status, what is collected, and what was received of it are the same on both sides. */
function isInStep({ status, total, stripes }: Side, money: Money | undefined): boolean {
  if (money === undefined) return false;
  const { agreed, least, carried, booked, told } = money;
  return status === stripes.status && stripes.total === agreed &&
    least <= agreed && agreed <= total + carried && booked + told === stripes.received;
}
