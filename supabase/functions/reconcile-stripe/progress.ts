import { z } from "zod";
import { describeError } from "../_shared/stripe/failures.ts";
import type { Difference } from "./compare.ts";

const Differences = z.array(z.custom<Difference>((value) => typeof value === "object"));

/** What is stored of a reconciliation between its steps. */
export const Report = z.object({
  missed_events: z.int().default(0),
  told: z.int().default(0),
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
}

/** Does the same for each object. One that fails is a difference, and stops no other. */
export async function forEach<T extends { id: string }>(
  objects: AsyncIterable<T> | Iterable<T>,
  kind: string,
  { report }: Progress,
  work: (object: T) => Promise<void>,
): Promise<void> {
  for await (const object of objects) {
    try {
      await work(object);
    } catch (error) {
      report.left.push(unread(`${kind} ${object.id}`, error));
    }
  }
}

/** Something that could not be read, as a difference. */
export function unread(what: string, error: unknown): Difference {
  return {
    kind: "unread",
    number: null,
    stripe_invoice_id: null,
    ours: what,
    stripes: describeError(error),
  };
}
