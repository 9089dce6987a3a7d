import type { Sql } from "postgres";
import { agrees, bothSides } from "../../standins/stripe/both-sides.ts";
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
  // What was credited before it was sent is off the total that Stripe was given.
  const sent = await sql<{ number: string; name: string; agreed: number; least: number }[]>`
    select i.number, c.name, m.agreed_total_minor::int as agreed, (i.total_minor
      - i.balance_applied_minor - i.credited_minor - i.paid_minor)::int as least
    from public.stripe_invoices m join public.invoices i on i.id = m.invoice_id
    join public.clients c on c.id = i.client_id`;
  const byNumber = new Map(sent.map((one) => [one.number, one]));
  const apart = sides.filter((side) => {
    const { agreed = side.total, least = side.total } = byNumber.get(side.number) ?? {};
    const isFair = least <= agreed && agreed <= side.total;
    const agree = isFair && agrees({ ...side, total: agreed });
    return !agree && !reported.has(side.number) && !reported.has(side.stripes.id);
  }).map((side) => ({
    check: "stripe",
    about: [`client ${byNumber.get(side.number)?.name}`],
    detail: `in no report: ${JSON.stringify(side)}`,
  }));
  const customers = [...state.customers.values()].filter(({ deleted }) => !deleted)
    .map(({ metadata }) => metadata["leveredge_client_id"]);
  const missing = await sql<{ number: string }[]>`
    select i.number from public.invoices i
    join public.deliveries d on d.invoice_id = i.id and d.kind = 'stripe' and d.state = 'done'
    join public.stripe_invoices m on m.invoice_id = i.id and m.state not in ('held', 'refused')
    where i.number <> all (${sides.map(({ number }) => number)})`;
  const never = left.filter(({ kind }) =>
    kind === "twice_in_stripe" || kind === "missing_in_stripe" || kind === "unknown_here"
  );
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
