import Stripe from "stripe";
import type { Difference } from "./compare.ts";
import { ensureCustomer } from "../_shared/stripe/customers.ts";
import { describeFailure, isRateLimit, retryAfter } from "../_shared/stripe/failures.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { MeterEvent } from "../_shared/stripe/rows.ts";

/** How many events Stripe's meters took, and what it did not take. */
export interface MeterReport {
  readonly sent: number;
  readonly problems: readonly { readonly event: MeterEvent; readonly problem: string }[];
  /** The time was over before all were sent. */
  readonly isCutOff?: boolean;
  /** Stripe has had too many requests: the rest was not sent. */
  readonly isRateLimited?: boolean;
  /** Seconds after which Stripe asks to try again. */
  readonly retryAfterSeconds?: number;
}

/**
 * Tells Stripe's meters of the usage that Stripe rates. An event is written down before it is sent
 * and keeps its identifier, so one that Stripe took although its answer was lost is not counted
 * twice. A failure is tried again at the next call.
 */
export async function sendMeterEvents(
  ports: StripePorts,
  isOver: () => boolean = () => false,
): Promise<MeterReport> {
  const { store, now } = ports;
  const customers = new Map<string, string>();
  const problems: { event: MeterEvent; problem: string }[] = [];
  let sent = 0;
  for (const event of await store.dueMeterEvents(now())) {
    if (isOver()) return { sent, problems, isCutOff: true };
    try {
      const customer = customers.get(event.client_id) ?? await customerOf(event, ports);
      customers.set(event.client_id, customer);
      if (!await store.beginMeterEvent(event.id, now())) continue;
      await sendOne(event, customer, ports);
      sent += 1;
    } catch (error) {
      if (!(error instanceof Stripe.errors.StripeError)) throw error;
      problems.push({ event, problem: describeFailure(error) });
      if (isRateLimit(error)) {
        const seconds = retryAfter(error);
        const later = seconds === undefined ? {} : { retryAfterSeconds: seconds };
        return { sent, problems, isCutOff: true, isRateLimited: true, ...later };
      }
    }
  }
  return { sent, problems };
}

/** Days on which Stripe was told of more or less than was used, as differences for a person. */
export async function meterDifferences(
  since: string,
  { store, now }: StripePorts,
): Promise<Difference[]> {
  return (await store.meterDifferences(since, now())).map((day) => ({
    kind: "meter",
    number: null,
    stripe_invoice_id: null,
    ours: `${day.client}, ${day.event_name} on ${day.usage_day}: ${day.used}`,
    stripes: `${day.sent}: ${day.reason}`,
  }));
}

async function customerOf(event: MeterEvent, ports: StripePorts): Promise<string> {
  const client = await ports.store.clientFacts(event.client_id);
  if (client === null) throw new Error(`there is no client ${event.client_id}`);
  return await ensureCustomer(client, ports);
}

async function sendOne(
  event: MeterEvent,
  customer: string,
  { stripe, store, now }: StripePorts,
): Promise<void> {
  try {
    await stripe.billing.meterEvents.create({
      event_name: event.event_name,
      payload: { stripe_customer_id: customer, value: String(event.value) },
      identifier: event.id,
      timestamp: event.happened_at,
    }, { idempotencyKey: `meter-event-${event.id}-${event.attempts + 1}` });
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    if (!isKnownIdentifier(error)) {
      const outcome = isRefusal(error) ? "refused" : "unsure";
      await store.saveMeterEvent(event.id, outcome, describeFailure(error), now());
      throw error;
    }
  }
  await store.saveMeterEvent(event.id, "sent", null, now());
}

/** Stripe has this identifier already: an earlier try got through. */
function isKnownIdentifier(error: InstanceType<typeof Stripe.errors.StripeError>): boolean {
  return /already exists with identifier/.test(error.message);
}

/** Stripe looked at it and did not take it. */
function isRefusal({ statusCode = 0 }: InstanceType<typeof Stripe.errors.StripeError>): boolean {
  return statusCode >= 400 && statusCode < 500 && statusCode !== 409;
}
