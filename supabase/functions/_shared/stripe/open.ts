import type { Sql } from "postgres";
import { z } from "zod";
import { openDatabase } from "../postgres/pool.ts";
import { openStripe } from "./client.ts";
import { StripeEnvironment } from "./environment.ts";
import type { StripePorts } from "./ports.ts";
import { stripeStore } from "./store.ts";

/** Stripe and what is written down of it, or undefined when there is no STRIPE_API_KEY. */
export function stripePorts(environment: StripeEnvironment, sql: Sql): StripePorts | undefined {
  const connection = openStripe(environment);
  return connection === undefined ? undefined : {
    stripe: connection.stripe,
    store: stripeStore(sql, connection.livemode),
    now: () => new Date(),
  };
}

/** The same, whose requests to Stripe all end within so many seconds. */
export function endingWithin(
  seconds: number,
  environment: StripeEnvironment,
  ports: StripePorts,
): StripePorts {
  const connection = openStripe(environment, Date.now() + seconds * 1000);
  return connection === undefined ? ports : { ...ports, stripe: connection.stripe };
}

/** The same from a function's variables. */
export function stripeFromEnvironment(variables: Record<string, string>) {
  const environment = StripeEnvironment.parse(variables);
  const { SUPABASE_DB_URL } = z.object({ SUPABASE_DB_URL: z.string() }).parse(variables);
  return { environment, ports: stripePorts(environment, openDatabase(SUPABASE_DB_URL)) };
}
