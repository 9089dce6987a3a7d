import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { agrees, bothSides } from "../../standins/stripe/both-sides.ts";
import { eventually } from "../support/eventually.ts";
import { type StripeWorld, withStripe } from "../support/stripe-world.ts";

const KINDS = ["Edited", "Failing", "Lost", "Parts", "Returned", "Voided", "Won"];
/** The amount of refunds that succeed at first. */
const RETURNED = 900;
/** What happens to these is told by events, and to those by none. */
const [HEARD, UNHEARD] = ["Heard", "Unheard"];

Deno.test("refunds that fail, disputes and voided notes end as in Stripe, told or found", async () => {
  const names = [HEARD, UNHEARD].flatMap((how) => KINDS.map((kind) => `${kind}${how}`));
  await withStripe(names, async (world) => {
    const { stripe, sql, sendAll, call } = world;
    await sendAll();
    const ids = await stripeIds(world);
    happens(world, (kind) => ids.get(`${kind}${HEARD}`) ?? "");
    await eventually(() => settled(world, KINDS.length), 40_000);
    stripe.webhooks.holding = true;
    happens(world, (kind) => ids.get(`${kind}${UNHEARD}`) ?? "");
    // Fail after they succeeded, of which one was told.
    for (const { id, amount } of stripe.state.refunds.values()) {
      if (amount === RETURNED) stripe.dashboard.concludeRefund(id, "failed");
    }
    // Stripe keeps events for thirty days: these are found as objects only.
    stripe.state.events.length = 0;
    const { body } = await call("reconcile-stripe", { days: 3 });
    ok(typeof body === "object" && body !== null && "left" in body);
    deepStrictEqual(body.left, []);
    await settled(world, 0);
    deepStrictEqual(
      await amounts(world),
      [HEARD, UNHEARD].flatMap((how) => [
        `Edited${how}: kept 5000, credited 0, credit 0`,
        `Failing${how}: kept 5000, credited 0, credit 0`,
        `Lost${how}: kept 0, credited 0, credit 0`,
        `Parts${how}: kept 4200, credited 800, credit 0`,
        `Returned${how}: kept 5000, credited 0, credit 0`,
        `Voided${how}: kept 0, credited 0, credit 0`,
        `Won${how}: kept 5000, credited 0, credit 0`,
      ]).toSorted(),
    );
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
    const again = await call("reconcile-stripe", { days: 3 });
    deepStrictEqual(again.body, { days: 3, missed_events: 0, found: [], left: [], told: 0 });
  });
});

async function stripeIds({ sql }: StripeWorld): Promise<Map<string, string>> {
  const rows = await sql<{ name: string; id: string }[]>`
    select c.name, m.stripe_invoice_id as id from public.stripe_invoices m
    join public.invoices i on i.id = m.invoice_id join public.clients c on c.id = i.client_id`;
  return new Map(rows.map(({ name, id }) => [name, id]));
}

function happens({ stripe }: StripeWorld, id: (kind: string) => string): void {
  const { dashboard } = stripe;
  for (const kind of KINDS) {
    if (kind === "Edited") stripe.payInvoice(dashboard.revise(id(kind), 5000));
    else if (kind !== "Voided") stripe.payInvoice(id(kind));
  }
  dashboard.concludeRefund(dashboard.refund(id("Failing"), 1500, "pending").id, "failed");
  dashboard.refund(id("Returned"), RETURNED);
  dashboard.decideDispute(dashboard.dispute(id("Lost")), "lost");
  dashboard.decideDispute(dashboard.dispute(id("Won")), "won");
  dashboard.credit({ invoice: id("Parts"), amount: 400, refund_amount: 400 });
  dashboard.credit({ invoice: id("Parts"), amount: 400, refund_amount: 400 });
  dashboard.voidCreditNote(dashboard.credit({ invoice: id("Voided"), amount: 700 }).id);
}

/** All that was sent has been acted on, and at least so many invoices have moved. */
async function settled({ sql, stripe }: StripeWorld, least: number): Promise<void> {
  await stripe.webhooks.settled();
  await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
  await sql`select billing.process_stripe_events()`;
  const sides = await bothSides(sql, stripe.state);
  deepStrictEqual(sides.filter((side) => !agrees(side)), []);
  ok(sides.filter(({ status }) => status === "paid").length >= least - 1);
  strictEqual((await sql`select from billing.stripe_events where state = 'pending'`).length, 0);
}

async function amounts({ sql }: StripeWorld): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    select format('%s: kept %s, credited %s, credit %s', c.name,
      coalesce((select sum(p.amount_minor) from public.payments p where p.invoice_id = i.id), 0),
      coalesce((select sum(n.total_minor) from public.credit_notes n
        where n.invoice_id = i.id and n.voided_at is null), 0),
      coalesce((select sum(b.amount_minor) from public.balance_entries b
        where b.client_id = i.client_id), 0)) as line
    from public.invoices i join public.clients c on c.id = i.client_id`;
  return rows.map(({ line }) => line).toSorted();
}
