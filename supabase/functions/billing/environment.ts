import { z } from "zod";
import { StripeEnvironment } from "../_shared/stripe/environment.ts";

/** An origin and nothing else; http only on this machine. */
const Origin = z.string().refine(
  (text) =>
    URL.canParse(text) && new URL(text).origin === text &&
    (text.startsWith("https://") || /^http:\/\/(localhost|127\.0\.0\.1)(:\d+)?$/.test(text)),
  "must be an origin like https://app.example.com",
);

/** Variables of the function: Stripe's, and where its pages may send clients back to. */
export const BillingEnvironment = z.object({
  ...StripeEnvironment.shape,
  /** Origins, separated by commas. */
  BILLING_RETURN_ORIGINS: z.string().default("").transform((list) =>
    list.split(",").map((origin) => origin.trim()).filter((origin) => origin !== "")
  ).pipe(z.array(Origin)),
});

/** See the schema of the same name. */
export type BillingEnvironment = z.infer<typeof BillingEnvironment>;
