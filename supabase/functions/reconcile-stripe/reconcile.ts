import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { Difference } from "./compare.ts";
import { isRateLimit, retryAfter } from "../_shared/stripe/failures.ts";
import { type Progress, Report, unread } from "./progress.ts";
import { STEPS } from "./steps.ts";
import { tellDifferences } from "./tell.ts";

/** What a reconciliation found and did. */
export interface Reconciliation {
  readonly days: number;
  /** Events that had never been delivered. */
  readonly missed_events: number;
  /** Differences before anything was repaired. */
  readonly found: readonly Difference[];
  /** Differences that are left, and what could not be read: somebody must decide. */
  readonly left: readonly Difference[];
  /** Voids, write-offs, payments and credit notes that Stripe was told of. */
  readonly told: number;
  /** The step that comes next, where the time of one call was not enough; the next call goes on. */
  readonly unfinished?: string;
}

/** Seconds after which a call begins nothing more. */
const SECONDS = 90;
/**
 * Objects of Stripe after which a call begins nothing more: hosted functions have two seconds of
 * processor time for each request, and reading so many takes about one.
 */
const MOST_OBJECTS = 5000;
/**
 * Calls in a row that a rate limit may end before anything is done, three hours all together. After
 * so many a step that meets one is left out and told of, as one that fails.
 */
const MOST_RATE_LIMITS = 6;
/** Seconds until the call after the first of them, and at most: each waits twice as long. */
const PAUSE = { first: 300, most: 3600 };

/**
 * Compares the invoices, payments, refunds, disputes, credit notes and balances of the last days from
 * both sides, after fetching events that never came, and repairs what has one right answer: what
 * Stripe received, refunded, lost in disputes, voided or wrote off is booked here, subscriptions are
 * mirrored; our voids, credits and payments made elsewhere, and usage for its meters, are told to
 * Stripe; a missing Stripe invoice is made. The rest is reported. A step that fails is named and
 * told, and the others are done; one that is cut off is done again by the next call. A rate limit
 * cuts a call off, and the next comes later and later: docs.stripe.com/rate-limits.
 */
export async function reconcile(
  days: number,
  ports: StripePorts,
  reportError: (error: unknown) => void = () => {},
  seconds = SECONDS,
  mostObjects = MOST_OBJECTS,
): Promise<Reconciliation> {
  const { store, now } = ports;
  const isLate = timer(seconds, now);
  let objects = 0;
  let isLimited = false;
  let asked = 0;
  const isOver = () => isLimited || objects >= mostObjects || isLate();
  const run = await store.beginReconciliation(days, now());
  const report = Report.parse(run.report);
  const progress: Progress = {
    since: Math.floor(run.since.getTime() / 1000),
    sinceDay: run.since.toISOString().slice(0, 10),
    report,
    isOver,
    pause: (seconds = 0) => {
      isLimited = report.rate_limits < MOST_RATE_LIMITS;
      asked = Math.max(asked, seconds);
    },
    count: (more) => {
      objects += more;
    },
  };
  const start = Math.max(0, STEPS.findIndex(([name]) => name === run.step));
  const { told } = report;
  let position = start;
  let { cursor } = run;
  for (let step = STEPS[position]; step !== undefined; step = STEPS[position]) {
    const [name, work] = step;
    const before = structuredClone(report);
    try {
      cursor = await work(progress, ports, cursor);
      if (!isLimited) report.rate_limits = 0;
      if (cursor === null) position += 1;
    } catch (error) {
      if (isRateLimit(error)) progress.pause(retryAfter(error));
      // The next call does all of it again.
      if (isLimited) Object.assign(report, before);
      else {
        reportError(error);
        report.left.push(unread(name, error));
        cursor = null;
        position += 1;
      }
    }
    if (isLimited) {
      const hasMoved = position !== start || cursor !== run.cursor || report.told > told;
      report.rate_limits = hasMoved ? 0 : report.rate_limits + 1;
    }
    await store.saveReconciliation(
      run.id,
      { step: STEPS[position]?.[0] ?? null, cursor, report },
      now(),
      isLimited ? resumedAt(now(), report.rate_limits, asked) : null,
    );
    const next = STEPS[position]?.[0];
    if (next !== undefined && isOver()) return { ...answerOf(days, report), unfinished: next };
  }
  await tellDifferences(report.left, ports);
  return answerOf(days, report);
}

/** When a call comes after one that a rate limit ended: as Stripe asks, or later and later. */
function resumedAt(now: Date, limits: number, asked: number): Date {
  const own = PAUSE.first * 2 ** Math.max(0, limits - 1);
  return new Date(now.getTime() + Math.min(Math.max(own, asked), PAUSE.most) * 1000);
}

function answerOf(days: number, report: Report): Reconciliation {
  const { missed_events, found, left, told } = report;
  return { days, missed_events, found, left, told };
}

/** Tells whether so many seconds have gone by since it was made. */
export function timer(seconds: number, now: () => Date): () => boolean {
  const until = now().getTime() + seconds * 1000;
  return () => now().getTime() > until;
}
