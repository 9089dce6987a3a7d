import Stripe from "stripe";
import { openStripe, STRIPE_API_VERSION } from "../supabase/functions/_shared/stripe/client.ts";
import {
  isLiveKey,
  type StripeEnvironment,
  webhookSecrets,
} from "../supabase/functions/_shared/stripe/environment.ts";
import { STRIPE_PERMISSIONS } from "../shared/stripe/permissions.ts";
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

/** Looks at keys, modes, permissions, account and webhook endpoint. Changes nothing at Stripe. */
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
  const { stripe } = connection;
  try {
    const permissions = key.startsWith("rk_") ? await permissionFindings(stripe) : [];
    findings.push(...permissions);
    findings.push(...await unlessRefused(permissions, () => accountFindings(stripe)));
    findings.push(
      ...await unlessRefused(permissions, () => endpointFindings(stripe, ports.webhookUrl)),
    );
  } catch (error) {
    if (!(error instanceof Stripe.errors.StripeError)) throw error;
    findings.push({ level: "wrong", text: describeFailure(error) });
  }
  return findings;
}

/** Nothing where a permission is missing that is told already. */
async function unlessRefused(
  told: readonly Finding[],
  look: () => Promise<Finding[]>,
): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if (told.length > 0 && error instanceof Stripe.errors.StripePermissionError) return [];
    throw error;
  }
}

/** Which permissions a restricted key lacks, by trying what it needs them for. */
async function permissionFindings(stripe: Stripe): Promise<Finding[]> {
  const missing: Finding[] = [];
  for (const { name, access, slug, what, optional, probes } of STRIPE_PERMISSIONS) {
    const refused = await Promise.all(probes.map((probe) => isRefused(probe, stripe)));
    if (!refused.includes(true)) continue;
    missing.push({
      level: optional ? "note" : "wrong",
      text: `the key lacks the permission "${name}": ${access} (${slug}): ${what}`,
    });
  }
  return missing.length > 0
    ? missing
    : [{ level: "ok", text: "the restricted key has each permission that is needed" }];
}

/** Whatever else Stripe answers, it has let the request pass. */
async function isRefused(probe: string, stripe: Stripe): Promise<boolean> {
  const [method = "", path = ""] = probe.split(" ");
  try {
    await stripe.rawRequest(method, path);
    return false;
  } catch (error) {
    if (error instanceof Stripe.errors.StripePermissionError) return true;
    if (error instanceof Stripe.errors.StripeInvalidRequestError) return false;
    throw error;
  }
}

async function accountFindings(stripe: Stripe): Promise<Finding[]> {
  const account = await stripe.accounts.retrieveCurrent();
  return [
    account.charges_enabled
      ? { level: "ok", text: `the key opens account ${account.id}, which can take payments` }
      : {
        level: "wrong",
        text: `account ${account.id} cannot take payments yet: finish its set-up`,
      },
  ];
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
