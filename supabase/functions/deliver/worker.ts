import { noteInvoice } from "../_shared/log/request-context.ts";
import { DELIVERY_KINDS, type DeliveryKind } from "../../../shared/delivery-kinds.ts";
import { portions } from "./registry.ts";
import type { DeliveryHandler, DeliveryHandlers, DeliveryJob } from "./types.ts";
import type { DeliveryOutcome } from "../_shared/outbound/outcome.ts";
import { storableOutcome } from "./storable-outcome.ts";

/** The table of deliveries, as the worker sees it. Each call is one statement. */
export interface DeliveryQueue {
  claim(kind: DeliveryKind, howMany: number): Promise<DeliveryJob[]>;
  /** One that has ended its workers, while nothing else is under way. */
  claimAlone(kinds: readonly DeliveryKind[]): Promise<DeliveryJob | null>;
  /** The state that the row has now; null when its lease had passed to another worker. */
  finish(job: DeliveryJob, outcome: DeliveryOutcome): Promise<string | null>;
  skip(kind: DeliveryKind, reason: string): Promise<number>;
  /** Calls the next worker where something is still due. */
  wake(): Promise<string>;
}

/** What the worker is given from outside. */
export interface WorkerPorts {
  readonly queue: DeliveryQueue;
  readonly handlers: DeliveryHandlers;
  /** Milliseconds since some start, for the deadline. */
  readonly now: () => number;
  /** CPU milliseconds spent on documents, exports and list prices since the start of the request. */
  readonly cpu: () => number;
  readonly reportError: (error: unknown) => void;
}

/** Where one request stops taking more; it finishes deliveries that it has taken. */
export interface WorkerLimits {
  /** Deliveries of a kind taken at once, and under way at once. */
  readonly portion: Readonly<Record<DeliveryKind, number>>;
  readonly wallMs: number;
  /** Of documents and exports alone; the rest costs about 3 ms per delivery. */
  readonly cpuMs: number;
  readonly jobs: number;
  /** Milliseconds that one delivery may take: less than its lease, more than its timeouts. */
  readonly deliveryMs: number;
}

/**
 * Hosted functions have 2 s of CPU. Under way when the 0.4 s are reached are at most four
 * documents; of two hundred lines each that is 1.3 s.
 */
export const LIMITS: WorkerLimits = {
  portion: portions,
  wallMs: 25_000,
  cpuMs: 400,
  jobs: 60,
  deliveryMs: 90_000,
};

/** How many deliveries ended in which state (`lost`: the lease had passed to another worker). */
export interface WorkerSummary {
  readonly states: Readonly<Record<string, number>>;
  /** Whether it stopped because of its limits, with work perhaps left. */
  readonly more: boolean;
}

/**
 * Works through what is due until there is nothing or its limits are reached, then wakes the next
 * worker. Each kind has a lane of its own: a slow receiver holds up nobody but its kind. A delivery
 * that has ended its workers comes last, alone, in a request that has done nothing else.
 */
export async function work(
  ports: WorkerPorts,
  limits: WorkerLimits = LIMITS,
): Promise<WorkerSummary> {
  const states: Record<string, number> = {};
  const start = ports.now();
  let taken = 0;
  const spent = () =>
    ports.now() - start >= limits.wallMs || ports.cpu() >= limits.cpuMs || taken >= limits.jobs;
  const lane = async (kind: DeliveryKind, handler: DeliveryHandler): Promise<boolean> => {
    while (!spent()) {
      const jobs = await ports.queue.claim(kind, limits.portion[kind]);
      taken += jobs.length;
      await Promise.all(
        jobs.map((job) => deliver(job, withDeadline(handler, limits.deliveryMs), ports, states)),
      );
      if (jobs.length < limits.portion[kind]) return false;
    }
    return true;
  };
  // First, so that what waits for a kind that is off goes with this request.
  for (const kind of DELIVERY_KINDS) {
    const handler = ports.handlers[kind];
    if ("off" in handler) count(states, "skipped", await ports.queue.skip(kind, handler.off));
  }
  const run = (kind: DeliveryKind) => {
    const handler = ports.handlers[kind];
    return "off" in handler ? Promise.resolve(false) : lane(kind, handler);
  };
  const lanes = await Promise.all(
    DELIVERY_KINDS.filter((kind) => kind !== "price_sync").map(run),
  );
  // A source of list prices takes a third of a second to read: in a request of its own.
  lanes.push(taken === 0 && await run("price_sync"));
  // With all of this request's CPU and nothing beside it that it could take down.
  const alone = taken === 0 && !spent() && await deliverAlone(ports, limits, states);
  const more = alone || lanes.includes(true);
  // Also when all lanes ran dry: one may have done so before another let its deliveries go.
  if (Object.keys(states).length > 0) await ports.queue.wake();
  return { states, more };
}

async function deliverAlone(
  ports: WorkerPorts,
  { deliveryMs }: WorkerLimits,
  states: Record<string, number>,
): Promise<boolean> {
  const on = DELIVERY_KINDS.filter((kind) => !("off" in ports.handlers[kind]));
  const job = await ports.queue.claimAlone(on);
  const handler = job === null ? null : ports.handlers[job.kind];
  if (job === null || handler === null || "off" in handler) return false;
  await deliver(job, withDeadline(handler, deliveryMs), ports, states);
  return true;
}

async function deliver(
  job: DeliveryJob,
  handler: DeliveryHandler,
  { queue, reportError }: WorkerPorts,
  states: Record<string, number>,
): Promise<void> {
  let outcome: DeliveryOutcome;
  noteInvoice(job.invoice_id);
  try {
    outcome = await handler(job);
  } catch (error) {
    reportError(error);
    outcome = { kind: "retry", error: error instanceof Error ? error.message : String(error) };
  }
  count(states, await finish(job, storableOutcome(outcome), queue, reportError) ?? "lost", 1);
}

/** Stores an outcome; one that the database refuses is a try that failed, and no end of the run. */
async function finish(
  job: DeliveryJob,
  outcome: DeliveryOutcome,
  queue: DeliveryQueue,
  reportError: (error: unknown) => void,
): Promise<string | null> {
  try {
    return await queue.finish(job, outcome);
  } catch (error) {
    reportError(error);
    return await queue.finish(job, { kind: "retry", error: "its outcome could not be stored" });
  }
}

/** A delivery whose service keeps it waiting is given up and comes again. */
function withDeadline(handler: DeliveryHandler, withinMs: number): DeliveryHandler {
  return async (job) => {
    const late = Promise.withResolvers<DeliveryOutcome>();
    const timer = setTimeout(
      () => late.resolve({ kind: "retry", error: `it took longer than ${withinMs / 1000} s` }),
      withinMs,
    );
    try {
      return await Promise.race([handler(job), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
}

function count(states: Record<string, number>, state: string, by: number): void {
  if (by > 0) states[state] = (states[state] ?? 0) + by;
}
