import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { pushToStripe } from "../../../supabase/functions/reconcile-stripe/outbox.ts";
import { stripeStore } from "../../../supabase/functions/_shared/stripe/store.ts";
import { eventually } from "../support/eventually.ts";
import { dyingAt, type StripeWorld, withStripe } from "../support/stripe-world.ts";

const NOTHING = { days: 3, missed_events: 0, found: [], left: [], told: 0 };

Deno.test("a small invoice is held and paid with the next one; useless drafts are deleted", () =>
  withStripe(["Ada", "Bo", "Cyd", "Dee"], async (world) => {
    await smallIsCarried(world);
    await voidedDraftIsDeleted(world);
    await unnotedDraftIsDeleted(world);
    await deletedDraftIsMadeAgain(world);
    await world.stripe.webhooks.settled();
    deepStrictEqual((await world.call("reconcile-stripe", { days: 3 })).body, NOTHING);
  }));

async function smallIsCarried(world: StripeWorld): Promise<void> {
  const { stripe, sql, ports, invoices } = world;
  const small = await oneOff(world, "0.30");
  strictEqual((await deliverInvoice(small, ports)).kind, "done");
  strictEqual(await stateOf(world, small), "held");
  strictEqual(stripe.state.invoices.size, 0);
  const next = invoices.get("Ada") ?? "";
  strictEqual((await deliverInvoice(next, ports)).kind, "done");
  const [carrier, ...more] = stripe.state.invoices.values();
  strictEqual(more.length, 0);
  deepStrictEqual(carrier?.lines.map(({ amount }) => amount), [5000, 30]);
  stripe.payInvoice(carrier?.id ?? "");
  await stripe.webhooks.settled();
  await eventually(async () => {
    await sql`select billing.process_stripe_events()`;
    strictEqual(await paid(world, next), "paid 5000");
    strictEqual(await paid(world, small), "paid 30");
  });
}

/**
 * A worker is killed when it has filled the draft; then the invoice is voided here. The event of the
 * deletion comes late: by itself it would say that the draft is gone.
 */
async function voidedDraftIsDeleted({ stripe, sql, ports, call, invoices }: StripeWorld) {
  const id = invoices.get("Bo") ?? "";
  stripe.webhooks.holding = true;
  await rejects(deliverInvoice(id, dyingAt(ports, "saveCarried")), /killed/);
  const statuses = () => [...stripe.state.invoices.values()].map(({ status }) => status);
  deepStrictEqual(statuses(), ["paid", "draft"]);
  await sql`select billing.void_invoice(${id}, 'a mistake')`;
  const cut = await pushToStripe({
    stripe: ports.stripe,
    now: ports.now,
    store: {
      ...stripeStore(sql, false),
      saveProblem: () => Promise.reject(new Error("killed")),
    },
  });
  deepStrictEqual(cut.problems.map(({ problem }) => problem), ["killed"]);
  const told = await call("reconcile-stripe", { only: "outbox" });
  deepStrictEqual(told.body, { done: 1, problems: [] });
  deepStrictEqual(statuses(), ["paid"]);
  await stripe.webhooks.releaseBadly(() => false);
}

/** A worker is killed before it notes the draft; then the money comes another way. */
async function unnotedDraftIsDeleted({ stripe, sql, ports, call, invoices }: StripeWorld) {
  const id = invoices.get("Cyd") ?? "";
  stripe.webhooks.holding = true;
  await rejects(deliverInvoice(id, dyingAt(ports, "saveDraft")), /killed/);
  const statuses = () => [...stripe.state.invoices.values()].map(({ status }) => status);
  await sql`select billing.record_payment(${id}, 5000, now(), 'bank', 'transfer')`;
  strictEqual((await deliverInvoice(id, ports)).kind, "skipped");
  deepStrictEqual(statuses(), ["paid", "draft"]);
  await call("reconcile-stripe", { days: 3 });
  deepStrictEqual(statuses(), ["paid"]);
  await stripe.webhooks.releaseBadly(() => false);
}

/** A worker is killed when it has deleted a draft that is not what we would send. */
async function deletedDraftIsMadeAgain({ stripe, sql, ports, call, invoices }: StripeWorld) {
  const id = invoices.get("Dee") ?? "";
  await rejects(deliverInvoice(id, dyingAt(ports, "saveCarried")), /killed/);
  const [draft] = [...stripe.state.invoices.values()].filter(({ status }) => status === "draft");
  await ports.stripe.invoices.del(draft?.id ?? "");
  const { body } = await call("reconcile-stripe", { days: 3 });
  ok(typeof body === "object" && body !== null && "left" in body);
  deepStrictEqual(body.left, []);
  const statuses = [...stripe.state.invoices.values()].map(({ status }) => status);
  deepStrictEqual(statuses, ["paid", "open"]);
  strictEqual(await stateOf({ sql }, id), "open");
}

/** An issued invoice of one item. */
async function oneOff({ sql }: StripeWorld, amount: string): Promise<string> {
  const [item] = await sql<{ id: string }[]>`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    select id, 'Small', ${amount}, 'USD', (now() at time zone 'UTC')::date
    from public.clients where name = 'Ada' returning id`;
  const [invoice] = await sql<{ id: string }[]>`
    select billing.create_one_off_invoice(array[${item?.id ?? ""}]::uuid[]) as id`;
  await sql`select billing.finalize_invoice(${invoice?.id ?? ""})`;
  return invoice?.id ?? "";
}

async function stateOf({ sql }: Pick<StripeWorld, "sql">, invoice: string): Promise<string> {
  const [row] = await sql<{ state: string }[]>`
    select state from public.stripe_invoices where invoice_id = ${invoice}`;
  return row?.state ?? "none";
}

async function paid({ sql }: StripeWorld, invoice: string): Promise<string> {
  const [row] = await sql<{ status: string; paid: string }[]>`
    select status, paid_minor as paid from public.invoices where id = ${invoice}`;
  return `${row?.status} ${row?.paid}`;
}
