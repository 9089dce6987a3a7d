import { join } from "node:path";
import { startFunction } from "../platform/function-process.ts";
import { hostedEnv } from "../platform/function-env.ts";
import { startGuard } from "../platform/guard.ts";
import type { Platform } from "../platform/platform.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { signWebhook } from "../standins/stripe/webhooks.ts";
import postgres from "postgres";
import { inParallel } from "./parallel.ts";
import { printTroubles } from "./print-troubles.ts";
import { cpuSeconds, peakMegabytes } from "./processes.ts";

/** Events per second, each measured in the same run on the same database. */
export interface WebhookCost {
  readonly events: number;
  /** stripe-webhook: signature verified, event stored, acted on after the answer. */
  readonly webhook: number;
  /** A handler that inserts the body and does nothing else. */
  readonly bareInsert: number;
  /** What stripe-webhook's process held at most, and its CPU time per event. */
  readonly megabytes: number;
  readonly cpuMs: number;
}

const SECRET = "whsec_bench";
const AT_ONCE = 16;
const WARM_UP = 200;

/** Posts so many events to each handler, straight to its process, and measures. */
export async function measureWebhook(platform: Platform, events: number): Promise<WebhookCost> {
  const sql = postgres(platform.urls.database, { max: 1, onnotice: () => {} });
  const guard = startGuard();
  const env = {
    ...hostedEnv(platform.urls.api, platform.urls.database),
    STRIPE_API_KEY: "sk_test_bench",
    STRIPE_WEBHOOK_SECRET: SECRET,
  };
  const start = (directory: string, name: string) =>
    startFunction(
      name,
      { directory: join(repositoryRoot, directory), deno: "current", env, guard },
      printTroubles(name),
      () => {},
    );
  try {
    await sql`create table public.bench_events (
      id bigint generated always as identity primary key, payload jsonb not null)`;
    const bare = await start("dev/bench/functions", "bare-insert");
    const ours = await start("supabase/functions", "stripe-webhook");
    const bareInsert = await rate(bare.url, events, "bare");
    const before = await cpuSeconds(ours.pid);
    const webhook = await rate(ours.url, events, "ours");
    const cpuMs = (await cpuSeconds(ours.pid) - before) * 1000 / (events + WARM_UP);
    return { events, webhook, bareInsert, megabytes: await peakMegabytes(ours.pid), cpuMs };
  } finally {
    await sql`drop table if exists public.bench_events`;
    await sql.end();
    // Ends both handlers; their own stop would wait for our open connections.
    await guard.stop();
  }
}

async function rate(url: string, events: number, prefix: string): Promise<number> {
  const postAll = (count: number, name: string) =>
    inParallel(AT_ONCE, count, (index) => post(url, `evt_${name}${index}`));
  await postAll(WARM_UP, `${prefix}warm`);
  const started = performance.now();
  await postAll(events, prefix);
  return Math.round(events / ((performance.now() - started) / 1000));
}

async function post(url: string, id: string): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({
    id,
    object: "event",
    api_version: "2026-10-28.endive",
    type: "invoice.updated",
    created: now,
    livemode: false,
    data: {
      object: { id: `in_${id}`, object: "invoice", livemode: false, padding: "x".repeat(4000) },
    },
  });
  const response = await fetch(url, {
    method: "POST",
    headers: { "stripe-signature": signWebhook(body, [SECRET], now) },
    body,
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  await response.body?.cancel();
}
