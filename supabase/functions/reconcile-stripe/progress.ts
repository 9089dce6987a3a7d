import { z } from "zod";
import { storableText } from "../_shared/outbound/storable-text.ts";
import { describeError, isRateLimit, retryAfter } from "../_shared/stripe/failures.ts";
import type { Difference } from "./compare.ts";

const Differences = z.array(z.custom<Difference>((value) => typeof value === "object"));

/** What is stored of a reconciliation between its steps. */
export const Report = z.object({
  missed_events: z.int().default(0),
  told: z.int().default(0),
  /** Calls in a row that a rate limit ended before anything was done. */
  rate_limits: z.int().default(0),
  found: Differences.default([]),
  left: Differences.default([]),
});

/** See the schema of the same name. */
export type Report = z.infer<typeof Report>;

/** A reconciliation that is under way. */
export interface Progress {
  /** Seconds since 1970, and its day. */
  readonly since: number;
  readonly sinceDay: string;
  readonly report: Report;
  /** Whether this call has done enough, or its time is over: nothing more is begun. */
  readonly isOver: () => boolean;
  /**
   * Stripe has had too many requests: `isOver` from now on, and a later call goes on, after so many
   * seconds if Stripe says so.
   */
  readonly pause: (seconds: number | undefined) => void;
  /** Notes that so many objects of Stripe have been read. */
  readonly count: (objects: number) => void;
}

/**
 * Does the same for each object until the time is over, or Stripe has had too many requests: answers
 * with the last that was done, after which the next call goes on, or null. One that fails is a
 * difference, and stops no other. One is done in any case, so that every call goes on.
 */
export async function forEach<T extends { id: string }>(
  objects: AsyncIterable<T> | Iterable<T>,
  kind: string,
  { report, isOver, pause, count }: Progress,
  work: (object: T) => Promise<void>,
): Promise<string | null> {
  let last: string | null = null;
  try {
    for await (const object of objects) {
      if (last !== null && isOver()) return last;
      try {
        await work(object);
      } catch (error) {
        if (isRateLimit(error)) throw error;
        report.left.push(unread(`${kind} ${object.id}`, error));
      }
      last = object.id;
      count(1);
    }
  } catch (error) {
    if (isRateLimit(error)) pause(retryAfter(error));
    // A page that did not come in time, or for which there were too many requests.
    if (last === null || !isOver()) throw error;
    return last;
  }
  return null;
}

/** Where a list of Stripe's goes on. */
export function after(cursor: string | null): { starting_after?: string } {
  return cursor === null ? {} : { starting_after: cursor };
}

/** What of a list of ours comes behind the cursor, in the order of its ids. */
export function following<T extends { id: string }>(
  list: readonly T[],
  cursor: string | null,
): T[] {
  return list.filter(({ id }) => cursor === null || id > cursor)
    .toSorted((one, other) => one.id < other.id ? -1 : 1);
}

/** Something that could not be read, as a difference. */
export function unread(what: string, error: unknown): Difference {
  return {
    kind: "unread",
    number: null,
    stripe_invoice_id: null,
    ours: storableText(what),
    stripes: describeError(error),
  };
}
