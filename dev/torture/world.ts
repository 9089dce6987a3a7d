import { setTimeout } from "node:timers/promises";
import postgres, { type Sql } from "postgres";
import { withResultOffsetFix } from "../../supabase/functions/_shared/postgres/result-offset-fix.ts";
import { startPlatform } from "../platform/platform.ts";
import type { EngineName } from "../platform/postgres-engine.ts";
import { startHermes } from "../standins/hermes.ts";
import { startSmtp } from "../standins/smtp.ts";
import { startStripe } from "../standins/stripe/server.ts";
import { type Outside, settings } from "./stage.ts";

/** Milliseconds. */
const STOP_WITHIN = 8000;

const ERRORS_KEPT = 10;

/** Log rows that a rollup rebuilds at once. */
export const REBUILT_AT_ONCE = 2000;

const KEY = "sk_test_torture";
const WEBHOOK_SECRET = "whsec_torture";

/** One real server that keeps what it has committed, the functions, and all that they talk to. */
export interface World extends Outside {
  readonly sql: Sql;
  /** A connection that has seen no kills. */
  connect(): Sql;
  /** The superuser's connection: what kills, and what checks, is not killed with its own pool. */
  readonly admin: Sql;
  stop(): Promise<void>;
}

/** Starts it. The caller stops it. */
export async function startWorld(engine: EngineName): Promise<World> {
  const stripe = startStripe({ secretKey: KEY });
  const hermes = startHermes();
  const smtp = await startSmtp();
  const stopStandIns = async () => {
    await Promise.all([stripe.stop(), hermes.stop(), smtp.stop()]);
  };
  const functionErrors: string[] = [];
  const platform = await startPlatform({
    engine,
    durable: true,
    onFunctionLine: (line) => {
      if (!line.includes('"level":"error"')) return;
      functionErrors.push(line);
      functionErrors.splice(0, functionErrors.length - ERRORS_KEPT);
    },
    env: {
      HERMES_URL: hermes.url,
      SMTP_URL: smtp.url,
      STRIPE_API_KEY: KEY,
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    },
  }).catch(async (error: unknown) => {
    await stopStandIns();
    throw error;
  });
  stripe.sendWebhooksTo({
    url: `${platform.urls.api}/functions/v1/stripe-webhook`,
    secrets: [WEBHOOK_SECRET],
  });
  const options = {
    onnotice: () => {},
    connect_timeout: 5,
    backoff: false,
    prepare: false,
    connection: settings(REBUILT_AT_ONCE),
  };
  const sql = withResultOffsetFix(postgres(platform.urls.database, { ...options, max: 16 }));
  const fresh: Sql[] = [];
  const admin = postgres(platform.urls.databaseAdmin, { ...options, max: 1 });
  const stop = async () => {
    await Promise.all([sql, admin, ...fresh].map((one) => one.end({ timeout: 1 })));
    await stripe.stop();
    await platform.stop();
    await Promise.all([hermes.stop(), smtp.stop()]);
  };
  return {
    platform,
    stripe,
    hermes,
    smtp,
    functionErrors,
    sql,
    connect: () => {
      const another = postgres(platform.urls.database, { ...options, max: 1 });
      fresh.push(another);
      return another;
    },
    admin,
    // A request that lost its connection may never be answered, and a server waits for it: the
    // platform's guard ends what is left when the process ends.
    stop: () => Promise.race([stop(), setTimeout(STOP_WITHIN)]),
  };
}
