import Stripe from "stripe";
import { isLiveKey, type StripeEnvironment } from "./environment.ts";

/** The version of Stripe's API that all of this is written for. */
export const STRIPE_API_VERSION = "2026-10-28.endive";

/** Stripe, and the mode that its key is of. */
export interface StripeConnection {
  readonly stripe: Stripe;
  readonly livemode: boolean;
}

/** Milliseconds for one try of one request. */
const TIMEOUT = 20_000;

/**
 * Opens Stripe; undefined when there is no key, which means that Stripe is off. Requests are tried
 * three times where Stripe says that this is safe (rate limits among it); each carries its own
 * idempotency key, so a repetition does nothing twice.
 */
export function openStripe(environment: StripeEnvironment): StripeConnection | undefined {
  const key = environment.STRIPE_API_KEY;
  if (key === undefined) return undefined;
  const base = environment.STRIPE_API_BASE;
  const stripe = new Stripe(key, {
    apiVersion: STRIPE_API_VERSION,
    maxNetworkRetries: 2,
    timeout: TIMEOUT,
    telemetry: false,
    // Nobody who answers for Stripe may send the request on to elsewhere.
    httpClient: Stripe.createFetchHttpClient((input: RequestInfo | URL, init?: RequestInit) =>
      fetch(input, { ...init, redirect: "error" })
    ),
    ...(base === undefined ? {} : hostOf(new URL(base))),
  });
  return { stripe, livemode: isLiveKey(key) };
}

function hostOf(url: URL) {
  const protocol = url.protocol === "http:" ? "http" as const : "https" as const;
  return {
    protocol,
    host: url.hostname,
    port: url.port === "" ? (protocol === "http" ? 80 : 443) : Number(url.port),
  };
}
