import Stripe from "stripe";
import type { DeliveryOutcome } from "../outbound/outcome.ts";
import { storableText } from "../outbound/storable-text.ts";

/**
 * What a failed request means for a delivery. Rate limits, broken connections and Stripe's own
 * errors come right by themselves; so does a key that is being replaced. A refused request does not.
 * Anything that is not Stripe's error is thrown again, as an internal error.
 */
export function outcomeOfFailure(error: unknown): DeliveryOutcome {
  if (!(error instanceof Stripe.errors.StripeError)) throw error;
  const message = describeFailure(error);
  if (
    error instanceof Stripe.errors.StripeInvalidRequestError && error.code !== "lock_timeout" &&
    error.statusCode !== 409
  ) return { kind: "dead", error: message };
  const wait = retryAfter(error);
  return {
    kind: "retry",
    error: message,
    ...(isRateLimit(error) ? { isRateLimited: true } : {}),
    ...(wait === undefined ? {} : { retryAfterSeconds: wait }),
  };
}

/** Seconds after which Stripe asks to try again, where it says so. */
export function retryAfter(error: unknown): number | undefined {
  if (error instanceof TooManyRequests) return error.retryAfterSeconds;
  if (!(error instanceof Stripe.errors.StripeError)) return undefined;
  const wait = Number(error.headers?.["retry-after"]);
  return Number.isFinite(wait) && wait > 0 ? wait : undefined;
}

/**
 * The error with what Stripe's support asks for: type, code, status, request id. No key, and nothing
 * that the database does not store: it stands in reports, in notes of events and in notices.
 */
export function describeFailure(error: InstanceType<typeof Stripe.errors.StripeError>): string {
  const facts = [error.type, error.code, error.statusCode, error.requestId]
    .filter((fact) => fact !== undefined && fact !== "").join(", ");
  return storableText(`Stripe: ${error.message} (${facts})`);
}

/** The same for whatever failed. */
export function describeError(error: unknown): string {
  if (error instanceof Stripe.errors.StripeError) return describeFailure(error);
  return storableText(error instanceof Error ? error.message : String(error));
}

/** A rate limit that a delivery has met and answered for. */
export class TooManyRequests extends Error {
  override readonly name = "TooManyRequests";

  constructor(readonly retryAfterSeconds?: number) {
    super("Stripe has had too many requests");
  }
}

/**
 * Whether Stripe has had too many requests, of ours or of others with the same account: it has done
 * nothing, and takes the same request after a while (docs.stripe.com/rate-limits).
 */
export function isRateLimit(error: unknown): boolean {
  // A lock_timeout is of one object that another request holds, not of the account.
  return error instanceof TooManyRequests ||
    error instanceof Stripe.errors.StripeError && error.statusCode === 429 &&
      error.code !== "lock_timeout";
}

/** Whether Stripe says that it has no object of an id. */
export function isMissing(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeInvalidRequestError &&
    error.code === "resource_missing";
}
