import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { balanceOf } from "../../standins/stripe/balances.ts";
import { agrees, bothSides } from "../../standins/stripe/both-sides.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { type StripeWorld, withStripe } from "../support/stripe-world.ts";

const NAMES = ["Gift", "Late", "Over"];

Deno.test("an overpayment and credit given in the Dashboard pay the next invoice once", async () => {
  await withStripe(NAMES, async (world) => {
    const { stripe, ports, sendAll, call, sql } = world;
    await sendAll();
    for (const { id, customer } of stripe.state.invoices.values()) {
      const name = stripe.state.customer(customer).name;
      stripe.payInvoice(id, name === "Over" ? 5500 : undefined);
    }
    stripe.dashboard.giveCredit(customerOf(world, "Gift"), 700, "usd");
    await settled(world);
    deepStrictEqual((await call("reconcile-stripe", { only: "outbox" })).status, 200);
    deepStrictEqual(balances(world), [0, 0, 0]);

    const next = await issueNext(world);
    for (const [name, id] of next) {
      const given = () => stripe.dashboard.giveCredit(customerOf(world, "Late"), 700, "usd");
      const saveCarried: typeof ports.store.saveCarried = async (...facts) => {
        await ports.store.saveCarried(...facts);
        if (name === "Late") given();
      };
      const store = { ...ports.store, saveCarried };
      strictEqual((await deliverInvoice(id, { ...ports, store })).kind, "done");
    }
    deepStrictEqual(await due(world), ["Gift 9300", "Late 9300", "Over 9500"]);
    for (const { id, status } of stripe.state.invoices.values()) {
      if (status === "open") stripe.payInvoice(id);
    }
    await settled(world);
    deepStrictEqual(await due(world), []);
    deepStrictEqual(balances(world), [0, 0, 0]);
    const credit = await sql`
      select sum(amount_minor)::int as credit from public.balance_entries group by client_id`;
    deepStrictEqual(credit.map((row) => row.credit), [0, 0, 0]);
    const sides = await bothSides(sql, stripe.state);
    deepStrictEqual(sides.filter(({ status, stripes }) => status !== stripes.status), []);
    strictEqual(sides.filter(agrees).length, 4);
    deepStrictEqual([...await sql`select * from billing.check_invariants()`], []);
    const { body } = await call("reconcile-stripe", { days: 3 });
    deepStrictEqual(body, { days: 3, missed_events: 0, found: [], left: [], told: 0 });
  });
});

function customerOf({ stripe }: StripeWorld, name: string): string {
  return [...stripe.state.customers.values()].find((one) => one.name === name)?.id ?? "";
}

function balances(world: StripeWorld): number[] {
  return NAMES.map((name) => balanceOf(world.stripe.state, customerOf(world, name), "usd"));
}

/** An invoice of 100.00 for each client. */
async function issueNext({ sql }: StripeWorld): Promise<Map<string, string>> {
  const items = await sql<{ id: string; name: string }[]>`
    with made as (
      insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
      select id, 'Set-up', 100, 'USD', current_date from public.clients returning id, client_id)
    select m.id, c.name from made m join public.clients c on c.id = m.client_id order by c.name`;
  const issued = new Map<string, string>();
  for (const { id, name } of items) {
    const [invoice] = await sql<{ id: string }[]>`
      select billing.create_one_off_invoice(array[${id}]::uuid[]) as id`;
    await sql`select billing.finalize_invoice(${invoice?.id ?? null})`;
    issued.set(name, invoice?.id ?? "");
  }
  return issued;
}

async function settled({ sql, stripe }: StripeWorld): Promise<void> {
  await stripe.webhooks.settled();
  await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
  await sql`select billing.process_stripe_events()`;
}

async function due({ sql }: StripeWorld): Promise<string[]> {
  const rows = await sql<{ line: string }[]>`
    select c.name || ' ' || i.amount_due_minor as line
    from public.invoices i join public.clients c on c.id = i.client_id
    where i.status = 'open' order by 1`;
  return rows.map(({ line }) => line);
}
