import { requestsTo } from "./requests.ts";
import { Tally } from "./tally.ts";
import type { LoadWorld } from "./world.ts";

/** A busy hour: what is asked in it, however fast it is replayed. */
const HOUR = { calls: 24_000, batch: 50, logs: 300, reads: 600, webhooks: 300, works: 60 };

/** What came of it. */
export interface DayOutcome {
  readonly tally: Tally;
  /** Calls that were answered as stored. */
  readonly accepted: number;
}

/**
 * Replays the part `share` of the hour in so many seconds. Requests begin when it is their time,
 * whatever became of those before: a system that falls behind shows it in its waiting times.
 */
export async function replayHour(
  world: LoadWorld,
  { seconds, share }: { readonly seconds: number; readonly share: number },
): Promise<DayOutcome> {
  const requests = requestsTo(world);
  const tally = new Tally();
  let accepted = 0;
  const took = (calls: number) => ({ status }: { readonly status: number }) => {
    if (status < 300) accepted += calls;
  };
  const { sql, stripe } = world;
  const open = [...stripe.state.invoices.keys()];
  const kinds: [number, () => Promise<unknown>][] = [
    [
      HOUR.calls / HOUR.batch,
      () => tally.time("ingest, 50", () => requests.ingest(HOUR.batch)).then(took(HOUR.batch)),
    ],
    [HOUR.logs, () => tally.time("log", requests.log).then(took(1))],
    [HOUR.reads, () => tally.time("read", requests.read)],
    [HOUR.webhooks, () => tally.time("webhook", requests.webhook)],
    [HOUR.works, unlessBusy(() => tally.time("worker", requests.work))],
    [
      HOUR.works,
      unlessBusy(() => tally.time("rollup", () => timed(sql`select _billing.rollup()`))),
    ],
    [HOUR.works, () => {
      // Clients pay what the worker has sent by now; Stripe tells of it.
      open.push(...[...stripe.state.invoices.keys()].filter((id) => !open.includes(id)));
      const unpaid = [...stripe.state.invoices.values()].find(({ status }) => status === "open");
      if (unpaid !== undefined) stripe.payInvoice(unpaid.id);
      return Promise.resolve();
    }],
  ];
  await Promise.all(kinds.map(([times, work]) => spread(Math.round(times * share), seconds, work)));
  return { tally, accepted };
}

/** Starts `work` so many times, evenly over so many seconds; resolves when all of it has ended. */
async function spread(
  times: number,
  seconds: number,
  work: () => Promise<unknown>,
): Promise<void> {
  const started = performance.now();
  const running: Promise<unknown>[] = [];
  for (let n = 0; n < times; n++) {
    const wait = started + (n + 0.5) * seconds * 1000 / times - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    running.push(work());
  }
  await Promise.all(running);
}

/** The schedule begins nothing that still runs; replayed faster than it is done, it leaves out. */
function unlessBusy(work: () => Promise<unknown>): () => Promise<unknown> {
  let busy = false;
  return async () => {
    if (busy) return;
    busy = true;
    await work().finally(() => busy = false);
  };
}

async function timed(query: PromiseLike<unknown>): Promise<Response> {
  await query;
  return new Response(null);
}
