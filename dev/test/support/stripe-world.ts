import postgres from "postgres";
import { startStripe, type StripeStandIn } from "../../standins/stripe/server.ts";
import { type Platform, startPlatform } from "../../platform/platform.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { StripeEnvironment } from "../../../supabase/functions/_shared/stripe/environment.ts";
import { stripePorts } from "../../../supabase/functions/_shared/stripe/open.ts";
import {
  deliverInvoice,
  type InvoicePorts,
} from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { platform as shared } from "./platform-env.ts";

/** The signing secret that the stand-in and the platform of these tests share. */
export const WEBHOOK_SECRET = "whsec_standin";
const KEY = "sk_test_standin";

/** A platform of its own with Stripe on, a month of invoices in it, and the Stripe it talks to. */
export interface StripeWorld {
  readonly stripe: StripeStandIn;
  readonly platform: Platform;
  readonly sql: postgres.Sql;
  readonly ports: StripePorts;
  readonly environment: StripeEnvironment;
  /** Our invoices by the name of their client. */
  readonly invoices: ReadonlyMap<string, string>;
  /** Sends every invoice, as the worker does; the kinds of the outcomes. */
  sendAll(ports?: InvoicePorts): Promise<string[]>;
  /** Calls an edge function with a secret key. */
  call(name: string, body: unknown): Promise<{ status: number; body: unknown }>;
}

/** Makes the world, runs the test in it, and takes it down. `names` have a minimum of 50.00 USD. */
export async function withStripe(
  names: readonly string[],
  test: (world: StripeWorld) => Promise<void>,
): Promise<void> {
  const stripe = startStripe({ secretKey: KEY });
  const variables = {
    STRIPE_API_KEY: KEY,
    STRIPE_API_BASE: stripe.url,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    BILLING_RETURN_ORIGINS: "https://app.example.com",
  };
  const environment = StripeEnvironment.parse(variables);
  const platform = await startPlatform({
    engine: shared.engine,
    ports: "free",
    env: variables,
  });
  const sql = postgres(platform.urls.database, { max: 4, onnotice: () => {}, prepare: false });
  try {
    stripe.sendWebhooksTo({
      url: `${platform.urls.api}/functions/v1/stripe-webhook`,
      secrets: [WEBHOOK_SECRET],
    });
    const ports = stripePorts(environment, sql);
    if (ports === undefined) throw new Error("Stripe is off");
    const invoices = await runMonth(sql, names);
    await test({
      stripe,
      platform,
      sql,
      ports,
      environment,
      invoices,
      sendAll: async (given = ports) => {
        const kinds = [];
        for (const id of invoices.values()) kinds.push((await deliverInvoice(id, given)).kind);
        return kinds;
      },
      call: async (name, body) => {
        const response = await fetch(`${platform.urls.api}/functions/v1/${name}`, {
          method: "POST",
          headers: { apikey: platform.keys.secret, "content-type": "application/json" },
          body: JSON.stringify(body),
        });
        const answer = await response.json();
        if (response.status >= 500) throw new Error(platform.functionLog().join("\n"));
        return { status: response.status, body: answer };
      },
    });
  } finally {
    await stripe.stop();
    await sql.end({ timeout: 1 });
    await platform.stop();
  }
}

/** One client per name, billed its minimum for last month. */
async function runMonth(sql: postgres.Sql, names: readonly string[]) {
  const [{ first }] = await sql<[{ first: string }]>`
    select to_char(date_trunc('month', now() at time zone 'UTC') - interval '1 month',
      'YYYY-MM-DD') as first`;
  await sql`insert into public.clients ${
    sql(names.map((name) => ({
      name,
      email: `${name.toLowerCase()}@example.com`,
      started_on: first,
      address: [`${name} Ltd`, "1 Main Street", "Dublin"],
    })))
  }`;
  await sql`select billing.run_monthly(date_trunc('month', now()))`;
  const rows = await sql<{ id: string; name: string }[]>`
    select i.id, c.name from public.invoices i join public.clients c on c.id = i.client_id
    where i.status = 'open' order by i.number`;
  return new Map(rows.map(({ id, name }) => [name, id]));
}

/** Ports whose store dies at a step, as a killed worker would. */
export function dyingAt(ports: InvoicePorts, step: "saveDraft" | "saveCarried"): InvoicePorts {
  const store = { ...ports.store, [step]: () => Promise.reject(new Error("killed")) };
  return { ...ports, store };
}
