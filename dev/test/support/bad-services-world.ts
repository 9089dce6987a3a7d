import { strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";
import { z } from "zod";
import { startResend } from "../../standins/resend.ts";
import { startStripe } from "../../standins/stripe/server.ts";
import { boundedFetch } from "../../../supabase/functions/_shared/outbound/bounded-fetch.ts";
import { openDatabase } from "../../../supabase/functions/_shared/postgres/pool.ts";
import { DeliveryEnvironment } from "../../../supabase/functions/deliver/environment.ts";
import { handleDeliver } from "../../../supabase/functions/deliver/handler.ts";
import { byKind } from "../../../supabase/functions/deliver/kinds/all.ts";
import { LIMITS } from "../../../supabase/functions/deliver/worker.ts";
import { workOnce } from "../../../supabase/functions/deliver/work-once.ts";
import { type BadProxy, startBadProxy } from "./bad-proxy.ts";
import { type DeliveryWorld, withDeliveryWorld } from "./delivery-world.ts";

const STRIPE_KEY = "sk_test_bad_services";
const summary = z.object({ states: z.record(z.string(), z.int()), more: z.boolean() });

/** The sender of all mails of these worlds. */
export const BAD_SERVICES_FROM = "LeverEdge Billing <billing@leveredge.test>";

/** What mail goes by; a worker has one of them. */
export const MAILS = ["smtp", "resend"] as const;

/** One of them. */
export type Mail = (typeof MAILS)[number];

/** The services of a world as they are behind what misbehaves. */
export interface GoodServices {
  readonly hermes: DeliveryWorld["hermes"];
  readonly smtp: DeliveryWorld["smtp"];
  readonly resend: ReturnType<typeof startResend>;
  readonly stripe: ReturnType<typeof startStripe>;
  /** Storage and all else of the platform. */
  readonly platform: ReturnType<typeof createClient>;
  /** How often list prices were asked for. */
  readonly source: { asked: number };
}

/** Everything real but the services, each behind what can misbehave. */
export interface BadWorld {
  readonly sql: Sql;
  /** Where list prices are read. */
  readonly sourceUrl: string;
  /** From now on; null: all services are well. */
  readonly misbehave: BadProxy["misbehave"];
  /** One request of the worker whose mail goes this way: answered with 200. */
  run(mail: Mail): Promise<z.infer<typeof summary>>;
  readonly services: GoodServices;
}

/** A source of list prices that counts how often it is asked. */
function startSource() {
  const counted = { asked: 0 };
  const model = {
    litellm_provider: "anthropic",
    mode: "chat",
    input_cost_per_token: 1e-6,
    output_cost_per_token: 2e-6,
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    counted.asked += 1;
    return Response.json({ "a-model": model });
  });
  return { counted, port: server.addr.port, stop: () => server.shutdown() };
}

/** Makes one, runs the test in it, and takes it down. */
export async function withBadServices(test: (world: BadWorld) => Promise<void>): Promise<void> {
  const stripe = startStripe({ secretKey: STRIPE_KEY });
  const resend = startResend();
  const source = startSource();
  try {
    await withDeliveryWorld(async ({ sql, platform, hermes, smtp }) => {
      const portOf = (url: string) => Number(new URL(url).port);
      const proxies = {
        hermes: startBadProxy("http", portOf(hermes.url)),
        smtp: startBadProxy("smtp", portOf(smtp.url)),
        resend: startBadProxy("http", portOf(resend.url)),
        stripe: startBadProxy("http", portOf(stripe.url)),
        storage: startBadProxy("http", portOf(platform.urls.api)),
        source: startBadProxy("http", source.port, { reads: true }),
      };
      const { run, close, patience } = startWorker(
        platform.urls.database,
        platform.keys.secret,
        proxies,
      );
      try {
        await test({
          sql,
          sourceUrl: `http://127.0.0.1:${proxies.source.port}/map.json`,
          run,
          misbehave: (how) => {
            patience.delivery = how === null ? LIMITS.deliveryMs : 2000;
            patience.storage = how === null ? 60_000 : 1500;
            const { smtp: mailServer, ...others } = proxies;
            for (const proxy of Object.values(others)) proxy.misbehave(how);
            // A mail server that has taken a mail can hang up or say anything: the first is the
            // worst, since it looks like a broken line.
            mailServer.misbehave(how?.moment === "before" ? how : null);
            smtp.behave(how?.moment === "after" ? "forgetful" : "accept");
          },
          services: {
            hermes,
            smtp,
            resend,
            stripe,
            platform: createClient(platform.urls.api, platform.keys.secret),
            source: source.counted,
          },
        });
      } finally {
        await close();
        for (const proxy of Object.values(proxies)) await proxy.stop();
      }
    });
  } finally {
    await stripe.stop();
    await resend.stop();
    await source.stop();
  }
}

type Proxies = Readonly<Record<Mail | "hermes" | "stripe" | "storage", BadProxy>>;

/** The worker as its function opens it, with two seconds for each delivery while all is bad. */
function startWorker(database: string, key: string, proxies: Proxies) {
  const at = (name: keyof Proxies) => `127.0.0.1:${proxies[name].port}`;
  const pool = openDatabase(database);
  const patience = { delivery: LIMITS.deliveryMs, storage: 60_000 };
  const client = createClient(`http://${at("storage")}`, key, {
    auth: { persistSession: false },
    global: { fetch: boundedFetch({ bytes: 50_000_000, withinMs: () => patience.storage }) },
  });
  const variables = {
    SUPABASE_DB_URL: database,
    BILLING_FROM: BAD_SERVICES_FROM,
    HERMES_URL: `http://${at("hermes")}`,
    STRIPE_API_KEY: STRIPE_KEY,
    STRIPE_API_BASE: `http://${at("stripe")}`,
  };
  const mails = {
    smtp: { SMTP_URL: `smtp://${at("smtp")}` },
    resend: { RESEND_API_KEY: "re_1", RESEND_API_BASE: `http://${at("resend")}` },
  };
  const errors: unknown[] = [];
  const reportError = (error: unknown) => void errors.push(error);
  const run: BadWorld["run"] = async (mail) => {
    const response = await handleDeliver(new Request("http://h/", { method: "POST" }), {
      work: () =>
        workOnce({
          pool,
          environment: DeliveryEnvironment.parse({ ...variables, ...mails[mail] }),
          client,
          reportError,
          limits: {
            ...LIMITS,
            // All of a kind at once: those that get no answer wait together.
            portion: byKind(() => 8),
            deliveryMs: patience.delivery,
            cpuMs: 60_000,
          },
        }),
      overview: () => Promise.reject(new Error("not asked for")),
      reportError,
    });
    strictEqual(response.status, 200, `${errors.at(-1)}`);
    return summary.parse(await response.json());
  };
  return { run, patience, close: () => pool.end() };
}
