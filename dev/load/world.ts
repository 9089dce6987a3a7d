import postgres, { type Sql } from "postgres";
import { type Platform, startPlatform } from "../platform/platform.ts";
import type { EngineName } from "../platform/postgres-engine.ts";
import { startHermes } from "../standins/hermes.ts";
import { startStripe, type StripeStandIn } from "../standins/stripe/server.ts";

const KEY = "sk_test_load";
/** Signs the webhooks of the load. */
export const WEBHOOK_SECRET = "whsec_load";

/** A platform with Stripe, HERMES and mail, and clients whose month has just been billed. */
export interface LoadWorld {
  readonly platform: Platform;
  readonly sql: Sql;
  readonly stripe: StripeStandIn;
  /** Ids of the clients; `AGENT-<n>` is the agent of the n-th, from 0. */
  readonly clients: readonly string[];
}

/** Runs `work` in such a world and takes it down. */
export async function withLoadWorld<T>(
  { engine, clients }: { readonly engine: EngineName; readonly clients: number },
  work: (world: LoadWorld) => Promise<T>,
): Promise<T> {
  const hermes = startHermes();
  const stripe = startStripe({ secretKey: KEY });
  const platform = await startPlatform({
    engine,
    env: {
      HERMES_URL: hermes.url,
      STRIPE_API_KEY: KEY,
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    },
  });
  const sql = postgres(platform.urls.database, { max: 3, onnotice: () => {} });
  try {
    stripe.sendWebhooksTo({
      url: `${platform.urls.api}/functions/v1/stripe-webhook`,
      secrets: [WEBHOOK_SECRET],
    });
    return await work({ platform, sql, stripe, clients: await billJune(sql, clients) });
  } finally {
    await stripe.stop();
    await sql.end({ timeout: 1 });
    await platform.stop();
    await hermes.stop();
  }
}

async function billJune(sql: Sql, count: number): Promise<string[]> {
  // Nothing wakes a worker but the load.
  await sql`delete from vault.secrets where name = 'billing_cron_key'`;
  const clients = await sql<{ id: string }[]>`
    insert into public.clients (name, external_id, email, started_on)
    select 'Client ' || n, 'client-' || n, 'client-' || n || '@example.test', '2026-06-01'
    from generate_series(0, ${count}::int - 1) n returning id`;
  await sql`
    insert into public.agent_assignments (agent, client_id)
    select 'AGENT-' || split_part(external_id, '-', 2), id from public.clients`;
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp")
    select 'AGENT-' || n, 'claude-sonnet', 20000000, '2026-06-10'
    from generate_series(0, ${count}::int - 1) n`;
  await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
  return clients.map(({ id }) => id);
}
