/** Lets everything come to rest, so that the books can be checked. */
import type { Sql } from "postgres";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";
import { priceModel } from "./actors/operators.ts";
import { EVERYBODY, idOf } from "./cast.ts";
import { NoAnswer } from "./attempt.ts";
import { post } from "./http.ts";
import type { Outside, Stage } from "./stage.ts";

/** What is left open between the books and Stripe after the last reconciliation. */
const reconciled = z.object({
  left: z.array(z.object({
    kind: z.string(),
    number: z.string().nullable(),
    stripe_invoice_id: z.string().nullable(),
    ours: z.string(),
    stripes: z.string(),
  })),
});
export type StripeDifference = z.infer<typeof reconciled>["left"][number];

/** Milliseconds. */
const CALLED_FOR = 180_000;

/** The day before which every period must have been charged what it is rated at. */
export interface Rest {
  readonly asOf: string;
  readonly until: string;
}

/**
 * Removes what holds anything back (pauses, missing prices and addresses, voided periods), then
 * closes one more month, in which every client has an invoice that late usage can go on.
 */
export async function closeBooks({ sql, calendar }: Stage): Promise<Rest> {
  await sql.begin(async (tx) => {
    await tx`select set_config('billing.as_of', ${calendar.now().toISOString()}, true)`;
    await tx`update public.clients set status = 'active', email = 'ap@torture.example'`;
    for (const n of [0, 1, 2, 3]) await priceModel(tx, `mystery-${n}`);
  });
  const until = calendar.month(1);
  for (const client of EVERYBODY) {
    await sql`insert into public.invoice_items (client_id, description, unit_amount, currency,
        item_day)
      values (${idOf(client)}, 'Closing', 10, ${
      client.config?.["currency"] === "EUR" ? "EUR" : "USD"
    }, ${until}::date + 20)`;
  }
  await finishRebuilds(sql);
  await regenerateAll(sql, calendar.now());
  await run(sql, calendar.now());
  // Two months on every period that has begun by now is over, and its grace too.
  calendar.skip(75);
  const at = calendar.now();
  await run(sql, at);
  await regenerateAll(sql, at);
  await run(sql, at);
  return { asOf: at.toISOString(), until };
}

/** What is to be counted anew is; periods wait for it. */
async function finishRebuilds(sql: Sql): Promise<void> {
  for (let waiting = true; waiting;) {
    await sql`select _billing.rollup()`;
    const [row] = await sql<{ did: boolean }[]>`select billing.rebuild_step() as did`;
    waiting = row?.did === true;
  }
}

async function run(sql: Sql, at: Date): Promise<void> {
  await sql`select billing.run_monthly(${at})`;
}

/** Every voided period is billed again, by the drafts that the next run issues. */
async function regenerateAll(sql: Sql, at: Date): Promise<void> {
  const rows = await sql<{ id: string }[]>`
    select distinct on (i.client_id, i.period_start) i.id
    from public.invoices i join public.billing_periods p using (client_id, period_start)
    where i.status = 'void' and i.kind = 'period' and p.state = 'voided'
    order by i.client_id, i.period_start, i.number desc`;
  // Each in a transaction of its own: another client is not locked after numbers are taken.
  for (const { id } of rows) await sql`select billing.regenerate_invoice(${id}, ${at})`;
}

/**
 * Receivers are well again, and what Stripe has to tell is heard, told again or looked up: it may
 * void a period, which then is to be billed again.
 */
export async function hearStripe({ sql }: Stage, outside: Outside): Promise<void> {
  const { stripe, hermes, smtp } = outside;
  hermes.behave("deliver");
  smtp.behave("accept");
  stripe.faults.length = 0;
  await stripe.webhooks.releaseBadly(() => false);
  await stripe.webhooks.settled();
  await sendUnansweredAgain(outside);
  await reconcileStripe(sql, outside);
}

/** Works until no delivery and no event waits. Gives up when it gets nowhere for three minutes. */
export async function drain({ sql }: Stage, outside: Outside): Promise<StripeDifference[]> {
  let left: StripeDifference[] = [];
  let least = Infinity;
  let moved = performance.now();
  for (let calm = 0; calm < 2 && performance.now() - moved < 180_000;) {
    await sql`select billing.requeue_deliveries()`;
    await sql`update public.deliveries set due_at = now() - interval '1 second'
      where state in ('queued', 'running')`;
    // On a busy machine a worker may take longer than it is waited for: what counts is that the
    // queue gets shorter.
    await ask(outside, "deliver").catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error;
    });
    left = await reconcileStripe(sql, outside);
    const [{ waiting }] = await sql<[{ waiting: number }]>`
      select (select count(*) from public.deliveries
          where state in ('waiting', 'queued', 'running', 'dead'))::int
        + (select count(*) from billing.stripe_events
          where state = 'pending' and note is null)::int as waiting`;
    calm = waiting === 0 ? calm + 1 : 0;
    if (waiting < least) [least, moved] = [waiting, performance.now()];
    if (waiting > 0) await setTimeout(200);
  }
  return left;
}

/** Compares both sides, and acts on all that Stripe has told. Gives what is left open. */
async function reconcileStripe(sql: Sql, outside: Outside): Promise<StripeDifference[]> {
  const { left } = reconciled.parse(await call(outside, "reconcile-stripe", { days: 30 }));
  await outside.stripe.webhooks.settled();
  await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
  await sql`call _billing.act_on_stripe_events()`;
  return left;
}

/**
 * Calls a function; again, for minutes, when there was no answer: connections may be of the last
 * kill, and a call that was given up on a busy machine still takes its place.
 */
async function call(outside: Outside, name: string, body?: unknown): Promise<unknown> {
  const until = performance.now() + CALLED_FOR;
  for (;;) {
    try {
      return await ask(outside, name, body);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      if (performance.now() > until) {
        throw new Error([name, error.message, ...outside.functionErrors].join("\n"));
      }
      await setTimeout(1000);
    }
  }
}

async function ask({ platform }: Outside, name: string, body?: unknown): Promise<unknown> {
  const url = `${platform.urls.api}/functions/v1/${name}`;
  return await post({ url, key: platform.keys.cronSecret, body });
}

/** As Stripe does for three days: what was not answered by 200 comes again. */
async function sendUnansweredAgain({ stripe }: Outside): Promise<void> {
  const answered = new Set(
    stripe.webhooks.answers.filter(({ status }) => status === 200).map(({ event }) => event),
  );
  for (const event of stripe.state.events.filter(({ id }) => !answered.has(id)).slice(0, 200)) {
    await stripe.webhooks.deliver(event);
  }
}
