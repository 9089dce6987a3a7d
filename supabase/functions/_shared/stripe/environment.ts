import { z } from "zod";
import { KeyUrl } from "../outbound/key-url.ts";

/** An empty variable counts as absent. */
const optional = z.string().optional().transform((value) => value === "" ? undefined : value);

/** Variables that decide whether and how Stripe is used. */
export const StripeEnvironment = z.object({
  STRIPE_API_KEY: optional.pipe(
    z.string().regex(/^(sk|rk)_(test|live)_/, "must be a secret or restricted key of Stripe")
      .optional(),
  ),
  /** One secret, or two separated by a comma while they are being rotated. */
  STRIPE_WEBHOOK_SECRET: optional,
  /** Another Stripe, e.g. `http://127.0.0.1:12111`. */
  STRIPE_API_BASE: optional.pipe(KeyUrl.optional()),
});

/** See the schema of the same name. */
export type StripeEnvironment = z.infer<typeof StripeEnvironment>;

/** Whether a key is of live mode. */
export function isLiveKey(key: string): boolean {
  return /^(sk|rk)_live_/.test(key);
}

/** The webhook secrets, newest first. */
export function webhookSecrets(environment: StripeEnvironment): string[] {
  return (environment.STRIPE_WEBHOOK_SECRET ?? "").split(",").map((secret) => secret.trim())
    .filter((secret) => secret !== "");
}
