import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import type { Sql } from "postgres";
import { z } from "zod";
import { type Platform, type PlatformOptions, startPlatform } from "../../platform/platform.ts";
import { type HermesStandIn, startHermes } from "../../standins/hermes.ts";
import { type SmtpStandIn, startSmtp } from "../../standins/smtp.ts";
import { platform as shared } from "./platform-env.ts";

/** A platform of its own whose mail and notifications go to stand-ins that can misbehave. */
export interface DeliveryWorld {
  readonly platform: Platform;
  readonly sql: Sql;
  readonly hermes: HermesStandIn;
  readonly smtp: SmtpStandIn;
  /** Calls the worker as pg_cron does, again while it says that there is more. */
  work(): Promise<void>;
  /** How many deliveries of a kind are in which state. */
  states(kind: string): Promise<Record<string, number>>;
  /** Lets every retry and every lease be over now: the clock, arranged. */
  passTime(): Promise<void>;
  /** Paths in the bucket. */
  files(): Promise<string[]>;
}

const answer = z.object({ states: z.record(z.string(), z.int()), more: z.boolean() });

async function callWorker({ urls, keys, functionLog }: Platform) {
  const response = await fetch(`${urls.api}/functions/v1/deliver`, {
    method: "POST",
    headers: { apikey: keys.cronSecret },
  });
  if (!response.ok) throw new Error(`deliver: ${response.status} ${functionLog().join("\n")}`);
  return answer.parse(await response.json());
}

/** Starts one on the engine under test, and stops everything however `run` ends. */
export async function withDeliveryWorld(
  run: (world: DeliveryWorld) => Promise<void>,
  { smtpQuery = "", ...options }: Partial<PlatformOptions> & { readonly smtpQuery?: string } = {},
): Promise<void> {
  const hermes = startHermes();
  const smtp = await startSmtp();
  const platform = await startPlatform({
    engine: shared.engine,
    ...options,
    env: { ...options.env, HERMES_URL: hermes.url, SMTP_URL: `${smtp.url}${smtpQuery}` },
  });
  const sql = postgres(platform.urls.database, { max: 2, onnotice: () => {} });
  // Without its key nothing wakes a worker but the test.
  if (!options.jobs) await sql`delete from vault.secrets where name = 'billing_cron_key'`;
  const storage = createClient(platform.urls.api, platform.keys.secret, {
    auth: { persistSession: false },
  }).storage.from("invoices");
  try {
    await run({
      platform,
      sql,
      hermes,
      smtp,
      work: async () => {
        while ((await callWorker(platform)).more);
      },
      states: async (kind) => {
        const rows = await sql`select state, count(*)::int from public.deliveries
          where kind = ${kind} group by state`;
        return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
      },
      passTime: async () => {
        await sql`update public.deliveries set due_at = now() - interval '1 second'
          where state in ('queued', 'running')`;
      },
      files: async () => {
        const paths: string[] = [];
        for (const { id } of await sql`select id from public.clients`) {
          const { data, error } = await storage.list(id);
          if (error) throw error;
          paths.push(...data.map(({ name }) => `${id}/${name.split("/").at(-1)}`));
        }
        return paths.sort();
      },
    });
  } finally {
    await sql.end();
    await platform.stop();
    await hermes.stop();
    await smtp.stop();
  }
}

/** Clients that used $30.00 to $30.00 + n of Sonnet in June 2026, each with an address. */
export async function seedJune(sql: Sql, clients: number): Promise<void> {
  await sql`
    insert into public.clients (name, external_id, email, started_on, locale)
    select 'Client ' || n, 'client-' || n, 'client-' || n || '@example.test', '2026-06-01',
      (array['en-US', 'de-DE', 'ja-JP'])[n % 3 + 1]
    from generate_series(1, ${clients}::int) n`;
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
    select 'SCHOLAR', 'claude-sonnet', 20000000 + n * 1000, '2026-06-10 12:00+00', c.id
    from generate_series(1, ${clients}::int) n
    join public.clients c on c.external_id = 'client-' || n`;
}

/** Bills June, as on the first of July at nine. */
export async function billJune(sql: Sql): Promise<void> {
  await sql`select billing.run_monthly('2026-07-01 09:00+00')`;
}
