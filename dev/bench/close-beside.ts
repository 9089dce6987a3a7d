import { randomUUID } from "node:crypto";
import { duration, type Figure, percentile, timed, whole } from "./figure.ts";
import type { Sizes } from "./sizes.ts";
import {
  addClients,
  addLogs,
  type BenchDatabase,
  clientId,
  settle,
  type Sql,
  withDatabase,
} from "./world.ts";

const LOGS_PER_CLIENT = 20;
const AS_OF = "2026-07-01 09:00+00";
/** Clients that have a customer in Stripe, for the events. */
const CUSTOMERS = 100;

/** What somebody else does while the month closes; resolves when it is committed. */
type Beside = (sql: Sql, clients: number) => Promise<unknown>;

const BESIDE: Readonly<Record<string, Beside>> = {
  payment: async (sql) => {
    const [invoice] = await sql<{ id: string }[]>`
      select id from public.invoices where status = 'open' order by finalized_at desc, number desc
      limit 1 offset ${Math.floor(Math.random() * 50)}::int`;
    if (invoice !== undefined) {
      await sql`select billing.record_payment(${invoice.id}, 1, now(), 'bench', ${randomUUID()})`;
    }
  },
  preview: async (sql, clients) => {
    const id = await clientId(sql, anyOf(clients));
    await sql`select billing.preview_invoice(${id}, '2026-07-01', ${AS_OF})`;
  },
  price: async (sql, clients) => {
    const id = await clientId(sql, anyOf(clients));
    await sql`
      insert into public.prices (client_id, metric, unit_amount, effective_from)
      values (${id}, ${`bench_${randomUUID()}`}, 1, '2200-01-01')`;
  },
  webhook: async (sql) => {
    const id = `evt_${randomUUID()}`;
    const event = {
      id,
      type: "customer.updated",
      livemode: false,
      created: 1_782_000_000,
      data: {
        object: { id: `cus_${anyOf(CUSTOMERS)}`, name: `Renamed ${id}` },
        previous_attributes: { name: "" },
      },
    };
    await sql`select billing.receive_stripe_event(${JSON.stringify(event)}::text::jsonb)`;
    await sql`select billing.process_stripe_event(${id})`;
  },
  log: (sql, clients) =>
    sql`
      insert into public.agent_usage_logs (agent, model, input_tokens, metadata, "timestamp",
        created_at)
      select 'BESIDE', 'claude-sonnet', 10,
        jsonb_build_object('client_id', c.id), '2026-07-01 08:00+00', '2026-07-01 08:00+00'
      from public.clients c where c.name = 'Client ' || lpad(${anyOf(clients)}::text, 6, '0')`,
};

/** `close_beside`: what others wait for while a month closes, and what a second caller brings. */
export async function measureCloseBeside(sizes: Sizes): Promise<Figure[]> {
  const alone = await withDatabase((db) => close(db, sizes.closeClients, 1, {}));
  const busy = await withDatabase((db) => close(db, sizes.closeClients, 1, BESIDE));
  const shared = await withDatabase((db) => close(db, sizes.closeClients, 2, {}));
  const worst = Object.entries(busy.waits)
    .map(([what, times]) => ({ what, times, p99: percentile(times, 0.99) }))
    .sort((one, other) => other.p99 - one.p99);
  const speedUp = alone.took / shared.took;
  return [{
    key: "close_beside",
    what: "the slowest hundredth of payments, previews, prices, webhooks and logs meanwhile",
    floor: "none: milliseconds that people wait",
    value: worst[0]?.p99 ?? NaN,
    unit: "ms",
    target: { atMost: 250 },
    detail: `${whole(sizes.closeClients)} clients; ` +
      worst.map(({ what, times, p99 }) => `${what} ${duration(p99)} of ${times.length}`).join(
        ", ",
      ) +
      `; alone ${duration(alone.took)}, two callers ${duration(shared.took)}`,
    also: [{
      what: `two callers close ${speedUp.toFixed(2)} times as fast as one (1.6)`,
      holds: speedUp >= 1.6,
    }, {
      what: `a session holds ${whole(alone.megabytes)} MB at most (300)`,
      holds: alone.megabytes <= 300,
    }],
  }];
}

interface Closing {
  readonly took: number;
  readonly megabytes: number;
  readonly waits: Readonly<Record<string, number[]>>;
}

async function close(
  db: BenchDatabase,
  clients: number,
  callers: number,
  beside: Readonly<Record<string, Beside>>,
): Promise<Closing> {
  const { sql } = db;
  await addClients(sql, clients);
  await addLogs(sql, clients * LOGS_PER_CLIENT, clients);
  await sql`
    insert into public.stripe_customers (client_id, livemode, stripe_customer_id)
    select id, false, 'cus_' || row_number() over (order by name) from public.clients
    order by name limit ${CUSTOMERS}`;
  await settle(sql);
  await sql`select billing.reconcile_usage(${AS_OF})`;
  const sessions = await Promise.all(
    Array.from({ length: callers }, async () => {
      const session = db.connect();
      await session`select set_config('billing.as_of', ${AS_OF}, false)`;
      const [row] = await session<{ pid: number }[]>`select pg_backend_pid() as pid`;
      return { session, pid: row?.pid ?? 0 };
    }),
  );
  const waits: Record<string, number[]> = {};
  let closing = true;
  const others = Object.entries(beside).map(async ([what, act]) => {
    const session = db.connect();
    const times: number[] = [];
    waits[what] = times;
    while (closing) {
      times.push(await timed(() => act(session, clients)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  const took = await timed(() =>
    Promise.all(sessions.map(({ session }) => session`call billing.close_month(true, '1 hour')`))
  );
  closing = false;
  await Promise.all(others);
  // A client that another session held all the while is left to the next run.
  for (const { session } of sessions) await session`call billing.close_month(true, '1 hour')`;
  const [row] = await sql<{ invoices: number }[]>`
    select count(*)::int as invoices from public.invoices where status <> 'draft'`;
  if (row?.invoices !== clients) throw new Error(`${row?.invoices} of ${clients} are invoiced`);
  return { took, megabytes: Math.max(...sessions.map(({ pid }) => peakMegabytes(pid))), waits };
}

function anyOf(count: number): number {
  return 1 + Math.floor(Math.random() * count);
}

/** The most memory that a process has held of its own, without what it shares; 0 where unknown. */
function peakMegabytes(pid: number): number {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
    return (kilobytes("VmHWM") - kilobytes("RssShmem")) / 1024;
  } catch {
    return 0;
  }
}
