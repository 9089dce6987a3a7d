import type { StripeEnvironment } from "../_shared/stripe/environment.ts";
import { endingWithin } from "../_shared/stripe/open.ts";
import type { StripePorts } from "../_shared/stripe/ports.ts";
import type { ReconcilePorts } from "./handler.ts";
import { sendMeterEvents } from "./meters.ts";
import { actAndTell } from "./outbox.ts";
import { reconcile, timer } from "./reconcile.ts";

/**
 * Seconds after which a call begins nothing more, and after which its last request to Stripe is
 * broken off. Hosted functions have to answer within 150.
 */
export interface Budget {
  readonly begins: number;
  readonly ends: number;
}
const BUDGET: Budget = { begins: 90, ends: 130 };

/** What a call does, however slow Stripe is, within its time; all undefined when Stripe is off. */
export function callsWithin(
  environment: StripeEnvironment,
  ports: StripePorts | undefined,
  reportError: (error: unknown) => void,
  { begins, ends }: Budget = BUDGET,
): Pick<ReconcilePorts, "reconcile" | "tell" | "meter"> {
  if (ports === undefined) return { reconcile: undefined, tell: undefined, meter: undefined };
  const bounded = endingWithin(ends, environment, ports);
  const isOver = timer(begins, ports.now);
  return {
    reconcile: (days) => reconcile(days, bounded, reportError, begins),
    tell: () => actAndTell(bounded, isOver),
    meter: () => sendMeterEvents(bounded, isOver),
  };
}
