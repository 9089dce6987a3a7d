import Stripe from "stripe";
import { openStripe, STRIPE_API_VERSION } from "../supabase/functions/_shared/stripe/client.ts";
import {
  isLiveKey,
  type StripeEnvironment,
  webhookSecrets,
} from "../supabase/functions/_shared/stripe/environment.ts";
import { STRIPE_EVENT_TYPES } from "../supabase/functions/reconcile-stripe/event-types.ts";
import { describeFailure } from "../supabase/functions/_shared/stripe/failures.ts";

/** One thing looked at. `note` is no mistake. */
export interface Finding {
  readonly level: "ok" | "note" | "wrong";
  readonly text: string;
}

/** What the check is given beside the variables. */
export interface CheckPorts {
  /** The project's API URL, to find its webhook endpoint among Stripe's; unknown when absent. */
  readonly webhookUrl: string | undefined;
  readonly publishableKey: string | undefined;
  readonly now: () => Date;
}

/** Looks at keys, modes, account and webhook endpoint. Asks Stripe, changes nothing there. */
export async function checkStripe(
  environment: StripeEnvironment,
  ports: CheckPorts,
): Promise<Finding[]> {
  const connection = openStripe(environment);
  const key = environment.STRIPE_API_KEY;
  if (connection === undefined || key === undefined) {
    return [{ level: "note", text: "STRIPE_API_KEY is not set: Stripe is off, all else works" }];
  }
  const mode = isLiveKey(key) ? "live" : "test";
  const findings: Finding[] = [
    { level: "ok", text: `STRIPE_API_KEY is a key of ${mode} mode` },
    ...publishableFinding(ports.publishableKey, mode),
    ...secretFindings(environment),
  ];
  if (environment.STRIPE_API_BASE !== undefined) {
    const level = mode === "live" ? "wrong" : "note";
    findings.push({
      level,
      text: `STRIPE_API_BASE: requests go to ${environment.STRIPE_API_BASE}`,
    });
  }
  try {
    const account = await connection.stripe.accounts.retrieveCurrent();
    findings.push(
      account.charges_enabled
        ? { level: "ok", text: `the key opens account ${account.id}, which can take payments` }
        : {
          level: "wrong",
          text: `account ${account.id} cannot take payments yet: finish its set-up`,
        },
    );
    findings.push(...await endpointFindings(connection.stripe, ports.webhookUrl));
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    findings.push({ level: "wrong", text: describeFailure(error) });
  }
  return findings;
}

function publishableFinding(key: string | undefined, mode: "live" | "test"): Finding[] {
  if (key === undefined || key === "") return [];
  return key.startsWith(`pk_${mode}_`)
    ? [{ level: "ok", text: "STRIPE_PUBLISHABLE_KEY is of the same mode" }]
    : [{ level: "wrong", text: `STRIPE_PUBLISHABLE_KEY is not a pk_${mode}_ key` }];
}

function secretFindings(environment: StripeEnvironment): Finding[] {
  const secrets = webhookSecrets(environment);
  if (secrets.length === 0) {
    return [{
      level: "wrong",
      text: "STRIPE_WEBHOOK_SECRET is not set: every webhook is refused; copy it from the endpoint",
    }];
  }
  const odd = secrets.filter((secret) => !/^whsec_\S+$/.test(secret));
  return [
    ...odd.map((): Finding => ({
      level: "wrong",
      text: "a webhook secret does not begin with whsec_ or contains white space",
    })),
    secrets.length === 1
      ? { level: "ok", text: "one webhook secret" }
      : { level: "note", text: `${secrets.length} webhook secrets: a rotation is under way` },
  ];
}

async function endpointFindings(stripe: Stripe, url: string | undefined): Promise<Finding[]> {
  const endpoints = await stripe.webhookEndpoints.list({ limit: 100 });
  const suffix = "/functions/v1/stripe-webhook";
  const ours = endpoints.data.filter((endpoint) =>
    url === undefined ? endpoint.url.endsWith(suffix) : endpoint.url === `${url}${suffix}`
  );
  const [endpoint, ...others] = ours;
  if (endpoint === undefined) {
    return [{
      level: "wrong",
      text: `no webhook endpoint ends in ${suffix}: make one in the Dashboard`,
    }];
  }
  const all = endpoint.enabled_events.includes("*");
  const missing = all
    ? []
    : STRIPE_EVENT_TYPES.filter((type) => !endpoint.enabled_events.includes(type));
  return [
    endpoint.status === "enabled"
      ? { level: "ok", text: `webhook endpoint ${endpoint.url}` }
      : { level: "wrong", text: `webhook endpoint ${endpoint.url} is ${endpoint.status}` },
    ...(missing.length === 0 ? [] : [{
      level: "wrong" as const,
      text: `the endpoint does not get ${missing.join(", ")}`,
    }]),
    ...(endpoint.api_version === null || endpoint.api_version === STRIPE_API_VERSION ? [] : [{
      level: "wrong" as const,
      text: `the endpoint's API version is ${endpoint.api_version}, ours is ${STRIPE_API_VERSION}`,
    }]),
    ...(others.length === 0
      ? []
      : [{ level: "note" as const, text: `${others.length} more endpoints end in ${suffix}` }]),
  ];
}
