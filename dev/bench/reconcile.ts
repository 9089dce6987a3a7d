import { join } from "node:path";
import { z } from "zod";
import { hostedEnv } from "../platform/function-env.ts";
import { startFunction } from "../platform/function-process.ts";
import { startGuard } from "../platform/guard.ts";
import type { Platform } from "../platform/platform.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { startStripe, type StripeStandIn } from "../standins/stripe/server.ts";
import { duration, type Figure, whole } from "./figure.ts";
import { printTroubles } from "./print-troubles.ts";
import { cpuSeconds, peakMegabytes } from "./processes.ts";
import type { Sizes } from "./sizes.ts";
import { addClients, openSql, type Sql } from "./world.ts";

const KEY = "sk_test_bench";
/** Milliseconds that Stripe takes to answer. */
const DELAY = 100;
/** Milliseconds between two looks at how far it is. */
const LOOK_EVERY = 20;
/** What a hosted function may take, in seconds, also of a processor, and hold, in megabytes. */
const HOSTED = { seconds: 150, cpu: 2, megabytes: 256 };

/** What a call of the function took. */
interface Call {
  readonly milliseconds: number;
  readonly cpu: number;
}

/** One step, its calls together where it has pages. */
interface StepCost {
  readonly name: string;
  requests: number;
  milliseconds: number;
}

const Answer = z.object({
  unfinished: z.string().optional(),
  left: z.array(z.unknown()),
  missed_events: z.int(),
});

/**
 * `reconcile`: a month of invoices, each of another client, of which Stripe has sent no event. Most
 * were paid, some refunded, disputed or credited; some clients were given credit. All is paid out.
 */
export async function measureReconcile(platform: Platform, sizes: Sizes): Promise<Figure[]> {
  const sql = openSql(platform.urls.database);
  const stripe = startStripe({ secretKey: KEY, delay: DELAY });
  const guard = startGuard();
  try {
    stripe.webhooks.holding = true;
    await makeMonth(sql, stripe, sizes.reconciledInvoices);
    const env = {
      ...hostedEnv(platform.urls.api, platform.urls.database),
      STRIPE_API_KEY: KEY,
      STRIPE_API_BASE: stripe.url,
    };
    const ours = await startFunction(
      "reconcile-stripe",
      { directory: join(repositoryRoot, "supabase", "functions"), deno: "current", env, guard },
      printTroubles("reconcile-stripe"),
      () => {},
    );
    const calls: Call[] = [];
    const watched = watchSteps(sql, stripe);
    let events = 0;
    for (let unfinished: string | undefined = "begin"; unfinished !== undefined;) {
      const [began, cpu] = [performance.now(), await cpuSeconds(ours.pid)];
      const answer = await call(ours.url, platform.keys.secret);
      calls.push({
        milliseconds: performance.now() - began,
        cpu: await cpuSeconds(ours.pid) - cpu,
      });
      unfinished = answer.unfinished;
      events = answer.missed_events;
      if (unfinished === undefined && answer.left.length > 0) {
        throw new Error(`left: ${JSON.stringify(answer.left.slice(0, 3))}`);
      }
    }
    const megabytes = await peakMegabytes(ours.pid);
    return [figureOf(sizes.reconciledInvoices, events, calls, megabytes, await watched.end())];
  } finally {
    await sql.end({ timeout: 1 });
    // Its own stop would wait for our open connection.
    await guard.stop();
    await stripe.stop();
  }
}

function figureOf(
  invoices: number,
  events: number,
  calls: readonly Call[],
  megabytes: number,
  steps: readonly StepCost[],
): Figure {
  const total = calls.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const cpu = Math.max(...calls.map((one) => one.cpu));
  const requests = steps.reduce((sum, one) => sum + one.requests, 0);
  return {
    key: "reconcile",
    what: "seconds of the longest call of a reconciliation of a month",
    floor: "none",
    value: Math.max(...calls.map(({ milliseconds }) => milliseconds)) / 1000,
    unit: "s",
    target: { atMost: HOSTED.seconds },
    also: [
      { what: `less than ${HOSTED.megabytes} MB`, holds: megabytes < HOSTED.megabytes },
      { what: `less than ${HOSTED.cpu} s of CPU a call`, holds: cpu < HOSTED.cpu },
    ],
    detail: `${whole(invoices)} invoices, ${whole(events)} events that never came: ` +
      `${calls.length} calls, ${duration(total)} in all, ${whole(requests)} requests of ` +
      `${DELAY} ms, ${whole(megabytes)} MB, ` +
      `${cpu.toFixed(1)} s of CPU for the call with the most; ` +
      steps.map(({ name, milliseconds, requests }) =>
        `${name} ${duration(milliseconds)}, ${requests} requests`
      ).join("; "),
  };
}

async function call(url: string, apikey: string) {
  const response = await fetch(url, {
    method: "POST",
    headers: { apikey, "content-type": "application/json" },
    body: "{}",
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return Answer.parse(await response.json());
}

/** Looks again and again at which step is under way, until it is ended. */
function watchSteps(sql: Sql, stripe: StripeStandIn) {
  const costs = new Map<string, StepCost>();
  let isOver = false;
  let last = { at: performance.now(), requests: stripe.seen.length };
  const look = async () => {
    const [row] = await sql<{ step: string | null }[]>`
      select step from billing.stripe_reconciliations where finished_at is null`;
    const now = { at: performance.now(), requests: stripe.seen.length };
    // Before the first step is over nothing is stored, after the last nothing is unfinished.
    const name = row?.step ?? (costs.size > 1 ? "comparison" : "events");
    const cost = costs.get(name) ?? { name, requests: 0, milliseconds: 0 };
    cost.requests += now.requests - last.requests;
    cost.milliseconds += now.at - last.at;
    costs.set(name, cost);
    last = now;
  };
  const watching = (async () => {
    while (!isOver) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    }
  })();
  return {
    end: async () => {
      isOver = true;
      await watching;
      await look();
      return [...costs.values()];
    },
  };
}

/** So many invoices of 50.00 here and in Stripe, and what happened to them there. */
async function makeMonth(sql: Sql, stripe: StripeStandIn, count: number): Promise<void> {
  await addClients(sql, count);
  await sql`update public.clients set started_on = (date_trunc('month', now()) - interval '1 month')::date`;
  await sql`select billing.run_monthly(date_trunc('month', now()))`;
  await sql`
    insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
    select client_id, false, 'cus_' || right(number, 6) from public.invoices`;
  await sql`
    insert into public.stripe_invoices (invoice_id, livemode, stripe_invoice_id, state,
      agreed_total_minor, total_minor, hosted_invoice_url)
    select id, false, 'in_' || right(number, 6), 'open', total_minor, total_minor, 'https://pay'
    from public.invoices`;
  const rows = await sql<{ id: string; client_id: string; number: string; total: number }[]>`
    select id, client_id, number, total_minor::int as total from public.invoices order by number`;
  if (rows.length !== count) throw new Error(`${rows.length} invoices of ${count} clients`);
  for (const [place, row] of rows.entries()) {
    const invoice = openInvoice(stripe, row);
    if (place % 10 < 8) stripe.payInvoice(invoice);
    if (place % 50 === 1) stripe.dashboard.refund(invoice, 1000);
    if (place % 100 === 2) stripe.dashboard.dispute(invoice);
    if (place % 40 === 9) stripe.dashboard.credit({ invoice, amount: 500 });
    if (place % 100 === 4) stripe.dashboard.giveCredit(`cus_${row.number.slice(-6)}`, 700, "usd");
  }
  // One payout of the month: its transactions are as many as its payments, refunds and disputes.
  stripe.payOut("usd");
  stripe.webhooks.held = [];
}

/** The Stripe customer of a client. */
function addCustomer(
  state: StripeStandIn["state"],
  id: string,
  { client_id, number }: { client_id: string; number: string },
): void {
  state.customers.set(id, {
    id,
    object: "customer",
    created: state.now(),
    livemode: false,
    balance: 0,
    name: number,
    email: "client@example.com",
    description: null,
    address: null,
    tax_exempt: "none",
    preferred_locales: [],
    metadata: { leveredge_client_id: client_id },
  });
}

/** An open invoice of Stripe's, as our delivery would have made it. */
function openInvoice(
  { state }: StripeStandIn,
  { id, client_id, number, total }: {
    id: string;
    client_id: string;
    number: string;
    total: number;
  },
): string {
  const [customer, invoice] = [`cus_${number.slice(-6)}`, `in_${number.slice(-6)}`];
  const created = state.now();
  addCustomer(state, customer, { client_id, number });
  const line = { object: "line_item", currency: "usd", discountable: false, quantity: 1 } as const;
  state.invoices.set(invoice, {
    id: invoice,
    object: "invoice",
    created,
    livemode: false,
    customer,
    currency: "usd",
    collection_method: "send_invoice",
    days_until_due: 30,
    payment_settings: undefined,
    metadata: { leveredge_invoice_id: id, leveredge_client_id: client_id },
    description: null,
    status: "open",
    number,
    auto_advance: false,
    due_date: created + 30 * 86_400,
    lines: [{
      ...line,
      id: `il_${number.slice(-6)}`,
      amount: total,
      subtotal: total,
      description: "Usage",
      invoice,
      livemode: false,
      metadata: {},
      period: { start: created, end: created },
    }],
    amount_paid: 0,
    amount_overpaid: 0,
    attempt_count: 0,
    attempted: false,
    hosted_invoice_url: "https://pay",
    invoice_pdf: "https://pay/pdf",
    pre_payment_credit_notes_amount: 0,
    post_payment_credit_notes_amount: 0,
    starting_balance: 0,
    ending_balance: null,
    from_invoice: null,
    latest_revision: null,
    status_transitions: {
      finalized_at: created,
      marked_uncollectible_at: null,
      paid_at: null,
      voided_at: null,
    },
  });
  return invoice;
}
