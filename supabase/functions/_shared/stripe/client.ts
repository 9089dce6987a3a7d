import Stripe from "stripe";
import { z } from "zod";
import { boundedFetch } from "../outbound/bounded-fetch.ts";
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

/** A page of a hundred objects has about half a megabyte. */
const MOST_BYTES = 5_000_000;

/**
 * Opens Stripe; undefined when there is no key, which means that Stripe is off. Requests are tried
 * three times where Stripe says that this is safe (rate limits among it); each carries its own
 * idempotency key, so a repetition does nothing twice. No request lasts beyond `lastEndsAt`
 * (milliseconds since 1970).
 */
export function openStripe(
  environment: StripeEnvironment,
  lastEndsAt = Infinity,
): StripeConnection | undefined {
  const key = environment.STRIPE_API_KEY;
  if (key === undefined) return undefined;
  const bounded = boundedFetch({
    bytes: MOST_BYTES,
    withinMs: () => Math.min(TIMEOUT, lastEndsAt - Date.now()),
  });
  const base = environment.STRIPE_API_BASE;
  const stripe = new Stripe(key, {
    apiVersion: STRIPE_API_VERSION,
    maxNetworkRetries: 2,
    timeout: TIMEOUT,
    telemetry: false,
    // Nobody who answers for Stripe may send the request on to elsewhere, or answer without end.
    httpClient: Stripe.createFetchHttpClient((input: RequestInfo | URL, init?: RequestInit) =>
      bounded(input, { ...init, redirect: "error" }).then(asStripeAnswers)
    ),
    ...(base === undefined ? {} : hostOf(new URL(base))),
  });
  return { stripe, livemode: isLiveKey(key) };
}

/**
 * What is not Stripe's, as proxies answer it, becomes an error that says so: the SDK would take it
 * for what was asked for, success or failure.
 */
async function asStripeAnswers(response: Response): Promise<Response> {
  const { ok, status } = response;
  const headers = new Headers(response.headers);
  // The SDK tries a rate limit again only where a header says so, and Stripe sends none. It has done
  // nothing, so that is safe: docs.stripe.com/rate-limits.
  if (status === 429 && !headers.has(SHOULD_RETRY)) headers.set(SHOULD_RETRY, "true");
  const text = await response.text();
  const expected = ok ? Success : Failure;
  if (expected.safeParse(jsonOrNull(text)).success) return new Response(text, { status, headers });
  const message = ok
    ? `Stripe answered ${status} and nothing of its own: ${text.slice(0, 300)}`
    : `Stripe answered ${status}: ${text.slice(0, 300)}`;
  return Response.json({ error: { type: "api_error", message } }, {
    status: ok ? 502 : status,
    headers: ok ? {} : headers,
  });
}

const SHOULD_RETRY = "stripe-should-retry";

const Failure = z.object({ error: z.looseObject({ message: z.string() }) });

/** Every object of Stripe's names its type, a list has what is listed. */
const Success = z.union([
  z.looseObject({ object: z.enum(["list", "search_result"]), data: z.array(z.unknown()) }),
  z.looseObject({
    object: z.string().refine((type) => type !== "list" && type !== "search_result"),
    id: z.string().optional(),
  }),
]);

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function hostOf(url: URL) {
  const protocol = url.protocol === "http:" ? "http" as const : "https" as const;
  return {
    protocol,
    host: url.hostname,
    port: url.port === "" ? (protocol === "http" ? 80 : 443) : Number(url.port),
  };
}
