import { z } from "zod";
import { KeyUrl } from "../_shared/outbound/key-url.ts";
import { StripeEnvironment } from "../_shared/stripe/environment.ts";

const present = z.string().min(1).optional();

/** Variables that decide what is delivered and how. An empty one counts as absent. */
export const DeliveryEnvironment = z.preprocess(
  (env) =>
    z.record(z.string(), z.string()).transform((all) =>
      Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""))
    ).parse(env),
  z.object({
    ...StripeEnvironment.shape,
    SUPABASE_DB_URL: z.string(),
    HERMES_URL: z.url({ protocol: /^https?$/ }).optional(),
    HERMES_CHANNEL: z.enum(["telegram", "event-bus", "slack", "email"]).default("telegram"),
    SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
    /** Sender's name and address: `LeverEdge Billing <billing@example.com>`. */
    BILLING_FROM: present,
    RESEND_API_KEY: present,
    RESEND_API_BASE: KeyUrl.default("https://api.resend.com"),
  }),
);

/** See the schema of the same name. */
export type DeliveryEnvironment = z.infer<typeof DeliveryEnvironment>;
