import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { eventually } from "./eventually.ts";
import { type StripeWorld, withStripe } from "./stripe-world.ts";

const NOTHING = { days: 3, missed_events: 0, found: [], left: [], told: 0 };

Deno.test("what is too small for Stripe is held, collected by the next invoice, and paid with it", () =>
  withStripe(["Ada"], async (world) => {
    const { stripe, sql, ports, call, invoices, sendAll } = world;
    const small = await oneOff(world, "0.30");
    deepStrictEqual((await deliverInvoice(small, ports)).kind, "done");
    strictEqual(stripe.state.invoices.size, 0);
    strictEqual(await stateOf(world, small), "held");
    deepStrictEqual((await call("reconcile-stripe", { days: 3 })).body, NOTHING);
    deepStrictEqual(await sendAll(), ["done"]);
    const [carrier, ...more] = stripe.state.invoices.values();
    strictEqual(more.length, 0);
    deepStrictEqual(carrier?.lines.map(({ amount }) => amount), [5000, 30]);
    stripe.payInvoice(carrier?.id ?? "");
    await stripe.webhooks.settled();
    await eventually(async () => {
      await sql`select billing.process_stripe_events()`;
      strictEqual(await paid(world, invoices.get("Ada") ?? ""), "paid 5000");
      strictEqual(await paid(world, small), "paid 30");
    });
    deepStrictEqual((await call("reconcile-stripe", { days: 3 })).body, NOTHING);
  }));

Deno.test("an invoice voided while Stripe has its draft leaves nothing there", () =>
  withStripe(["Ada"], async (world) => {
    const { stripe, sql, ports, call, invoices } = world;
    const id = invoices.get("Ada") ?? "";
    const killed = {
      ...ports,
      store: { ...ports.store, saveCarried: () => Promise.reject(new Error("killed")) },
    };
    await rejects(deliverInvoice(id, killed), /killed/);
    deepStrictEqual([...stripe.state.invoices.values()].map(({ status }) => status), ["draft"]);
    await sql`select billing.void_invoice(${id}, 'a mistake')`;
    deepStrictEqual((await call("reconcile-stripe", { only: "outbox" })).body, {
      done: 1,
      problems: [],
    });
    strictEqual(stripe.state.invoices.size, 0);
    await stripe.webhooks.settled();
    deepStrictEqual((await call("reconcile-stripe", { days: 3 })).body, NOTHING);
    strictEqual(stripe.state.invoices.size, 0);
  }));

/** An issued invoice of one item. */
async function oneOff({ sql }: StripeWorld, amount: string): Promise<string> {
  const [item] = await sql<{ id: string }[]>`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    select id, 'Small', ${amount}, 'USD', (now() at time zone 'UTC')::date
    from public.clients returning id`;
  const [invoice] = await sql<{ id: string }[]>`
    select billing.create_one_off_invoice(array[${item?.id ?? ""}]::uuid[]) as id`;
  await sql`select billing.finalize_invoice(${invoice?.id ?? ""})`;
  return invoice?.id ?? "";
}

async function stateOf({ sql }: StripeWorld, invoice: string): Promise<string> {
  const [row] = await sql<{ state: string }[]>`
    select state from public.stripe_invoices where invoice_id = ${invoice}`;
  return row?.state ?? "none";
}

async function paid({ sql }: StripeWorld, invoice: string): Promise<string> {
  const [row] = await sql<{ status: string; paid: string }[]>`
    select status, paid_minor as paid from public.invoices where id = ${invoice}`;
  return `${row?.status} ${row?.paid}`;
}
