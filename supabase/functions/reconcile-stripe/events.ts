import type { StripePorts } from "../_shared/stripe/ports.ts";
import { STRIPE_EVENT_TYPES } from "./event-types.ts";
import type { Progress } from "./progress.ts";

/** Stripe filters events by at most so many types at a time. */
const TYPES_AT_ONCE = 20;

/**
 * Stores a page of events that are not known, however far back; processing them twice is impossible.
 * The cursor is the place in the list of types and the last event of the page before.
 */
export async function fetchEvents(
  { since, report, count }: Progress,
  { stripe, store }: StripePorts,
  cursor: string | null,
): Promise<string | null> {
  const [place = "0", after] = (cursor ?? "0").split(" ");
  const start = Number(place);
  const { data, has_more } = await stripe.events.list({
    types: STRIPE_EVENT_TYPES.slice(start, start + TYPES_AT_ONCE),
    created: { gte: since },
    limit: 100,
    ...(after === undefined ? {} : { starting_after: after }),
  });
  count(data.length);
  if (data.length > 0) report.missed_events += await store.receiveEvents(data);
  const last = data.at(-1);
  if (has_more && last !== undefined) return `${start} ${last.id}`;
  const next = start + TYPES_AT_ONCE;
  return next < STRIPE_EVENT_TYPES.length ? String(next) : null;
}
