import Stripe from "stripe";
import { STRIPE_API_VERSION } from "../../../supabase/functions/_shared/stripe/client.ts";

interface ClientOptions {
  /** How often the SDK tries a request again; as often as it does by itself unless given. */
  readonly maxNetworkRetries?: number;
  /** What carries requests; the machine's unless given. */
  readonly request?: typeof fetch;
}

/** The SDK as a test needs it, speaking with the stand-in at a URL. */
export function stripeClient(key: string, url: string, options: ClientOptions = {}): Stripe {
  const { request, ...retries } = options;
  const { hostname: host, port } = new URL(url);
  return new Stripe(key, {
    apiVersion: STRIPE_API_VERSION,
    telemetry: false,
    protocol: "http",
    host,
    port: Number(port),
    ...retries,
    ...(request === undefined ? {} : { httpClient: Stripe.createFetchHttpClient(request) }),
  });
}
