import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";
import { z } from "zod";
import { startResend } from "../../standins/resend.ts";
import { startStripe } from "../../standins/stripe/server.ts";
import { boundedFetch } from "../../../supabase/functions/_shared/outbound/bounded-fetch.ts";
import { openDatabase } from "../../../supabase/functions/_shared/postgres/pool.ts";
import { DeliveryEnvironment } from "../../../supabase/functions/deliver/environment.ts";
import { handleDeliver } from "../../../supabase/functions/deliver/handler.ts";
import { DELIVERY_KINDS, type DeliveryKind } from "../../../shared/delivery-kinds.ts";
import { LIMITS } from "../../../supabase/functions/deliver/worker.ts";
import { workOnce } from "../../../supabase/functions/deliver/work-once.ts";
import { type BadMoment, startBadProxy } from "../support/bad-proxy.ts";
import { assertFiles, assertNotified, assertStripe } from "../support/bad-services-arrived.ts";
import { BAD_ANSWERS, type BadAnswer } from "../support/bad-service.ts";
import { billJune, withDeliveryWorld } from "../support/delivery-world.ts";
import { platform } from "../support/platform-env.ts";

const STRIPE_KEY = "sk_test_bad_services";

/** The services that each kind asks, and how an error begins that says which of them failed. */
const SERVICES: Readonly<Partial<Record<DeliveryKind, Readonly<Record<string, RegExp>>>>> = {
  stripe: { stripe: /^Stripe/ },
  email: { smtp: /^SMTP: /, resend: /^Resend/ },
  hermes: { hermes: /^HERMES/ },
  log_export: { logs: /^(storing|reading) usage-logs\// },
};

/** What all other kinds ask: they file something beside the PDF. */
const FILES = { storage: /^(storing|reading) invoices\// };

/** Its source is no service of a client's: `security/bad-services` has it give each bad answer. */
const WITHOUT_CLIENT: DeliveryKind = "price_sync";

/** All of the catalog, each with a client of its own for each bad answer. */
const ALL = DELIVERY_KINDS.filter((kind) => kind !== WITHOUT_CLIENT).flatMap((kind) =>
  Object.entries(SERVICES[kind] ?? FILES).map(([service, error]) => ({ kind, service, error }))
);

/** What no caller can tell from the service's own success: asked for after the work alone. */
const LIKE_A_SUCCESS: BadAnswer = "NUL in a success";
const GIVEN_UP = /^it took longer than 3 s$/;
const summary = z.object({ states: z.record(z.string(), z.int()), more: z.boolean() });
const delivery = z.object({
  id: z.string(),
  kind: z.string(),
  service: z.string(),
  way: z.string(),
  state: z.string(),
  dedupe_key: z.string(),
  external_id: z.string().nullable(),
  last_error: z.string().nullable(),
});

Deno.test({
  name: "under any answer of a service one delivery fails with its reason, and arrives later, once",
  // It is about answers and what is stored after them: one engine tells as much as two.
  ignore: platform.engine !== "embedded",
  // What a service holds open goes on after the delivery was given up; it ends by itself.
  sanitizeResources: false,
  sanitizeOps: false,
  fn: () =>
    withBadServices(async ({ sql, misbehave, run, due, heal, arrived }) => {
      await seed(sql);
      for (const way of BAD_ANSWERS) {
        for (const moment of ["before", "after"] as const) {
          if (moment === "before" && way === LIKE_A_SUCCESS) continue;
          misbehave({ way, moment });
          for (const mail of ["smtp", "resend"] as const) {
            await due(way, mail);
            await run(mail);
          }
          for (const one of await deliveries(sql, way)) assertFailed(one, way, moment);
        }
      }
      misbehave(null);
      await heal();
      const all = await deliveries(sql);
      strictEqual(all.length, ALL.length * BAD_ANSWERS.length);
      deepStrictEqual(all.filter(({ state }) => state !== "done"), []);
      await arrived(all);
    }),
});

Deno.test({
  name:
    "a source of prices that answers badly changes nothing in the database, and is read when it is well",
  ignore: platform.engine !== "embedded",
  sanitizeResources: false,
  sanitizeOps: false,
  fn: () =>
    withBadServices(async ({ sql, misbehave, run, sourceUrl }) => {
      await sql`
        update public.price_sources set url = ${sourceUrl}, enabled = true where id = 'litellm'`;
      const read = async (day: number) => {
        await sql`
          select billing.queue_price_syncs(timestamptz '2026-12-01' + ${day} * interval '1 day')`;
        // Alone: neither what was tried before, nor what operators are told of it.
        const [one] = await sql<{ key: string }[]>`
          update public.deliveries set due_at = case
            when dedupe_key = 'price_sync:litellm:' || (date '2026-12-01' + ${day}::int)
              then now() - interval '1 second' else 'infinity' end
          where state in ('queued', 'waiting') returning dedupe_key as key`;
        ok(one);
        await run("smtp");
        const [last] = await sql<{ state: string; error: string | null }[]>`
          select state, last_error as error from public.deliveries where kind = 'price_sync'
          order by id desc limit 1`;
        return last;
      };
      const kept = () =>
        sql`select (select count(*)::int from public.price_syncs) as syncs,
          (select count(*)::int from public.list_prices) as prices`;
      const before = await kept();
      for (const [day, way] of BAD_ANSWERS.entries()) {
        misbehave({ way, moment: "before" });
        const { state, error = null } = await read(day) ?? {};
        ok(["queued", "skipped", "dead"].includes(state ?? ""), `${way}: ${state}, ${error}`);
        ok((error ?? "").length > 5 && !error?.includes("\0"), `${way}: ${error}`);
        deepStrictEqual(await kept(), before, way);
      }
      misbehave(null);
      deepStrictEqual((await read(BAD_ANSWERS.length))?.state, "done");
      strictEqual((await kept())[0]?.syncs, (before[0]?.syncs ?? 0) + 1);
    }),
});

type Delivery = z.infer<typeof delivery>;

/** It waits for another try or has given up, and says why in a text that can be shown. */
function assertFailed(one: Delivery, way: BadAnswer, moment: BadMoment): void {
  const { service, state, last_error: error } = one;
  const which = `${service}, ${way}, ${moment} the work: ${state}, ${error}`;
  // Done and said so, if with odd text.
  if (way === LIKE_A_SUCCESS && state === "done") return;
  ok(state === "queued" || state === "dead", which);
  const named = ALL.find((known) => known.service === service)?.error ?? /^$/;
  ok(named.test(error ?? "") || GIVEN_UP.test(error ?? ""), which);
  ok((error ?? "").length > 12 && (error ?? "").length <= 2000, which);
}

/** Clients named `<kind>/<service>/<way>` with an invoice that is delivered in that way alone. */
async function seed(sql: Sql): Promise<void> {
  const names = ALL.flatMap(({ kind, service }) =>
    BAD_ANSWERS.map((way) => `${kind}/${service}/${way}`)
  );
  await sql`
    insert into public.clients (name, external_id, email, started_on)
    select n, n, 'client-' || place || '@example.test', '2026-06-01'
    from unnest(${names}::text[]) with ordinality x(n, place)`;
  await sql`
    insert into public.billing_config (client_id, deliveries)
    select id, array(select split_part(name, '/', 1)
      where split_part(name, '/', 1) <> 'log_export')
    from public.clients`;
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, "timestamp", client_id)
    select 'SCHOLAR', 'claude-sonnet', 20000000,
      timestamptz '2026-06-10 12:00+00' + row_number() over (order by name) * interval '1 minute',
      id
    from public.clients`;
  await billJune(sql);
  // A part of the logs for each bad answer.
  await sql`insert into billing.log_months (month, state) values ('2026-06-01', 'exporting')`;
  await sql`select _billing.plan_log_exports('2026-06-01', ${ALL.length}::int)`;
  await sql`
    update public.deliveries set due_at = 'infinity' where state in ('queued', 'waiting')`;
}

/** Those of the seed, or of one bad answer. */
async function deliveries(sql: Sql, way: BadAnswer | null = null): Promise<Delivery[]> {
  const ways = [...BAD_ANSWERS];
  return z.array(delivery).parse([
    ...await sql`
      select x.* from (
        select d.id::text, d.kind, coalesce(split_part(c.name, '/', 2), 'logs') as service,
          coalesce(split_part(c.name, '/', 3),
            (${ways}::text[])[(d.payload ->> 'part')::int]) as way,
          d.state, d.dedupe_key, d.external_id, d.last_error
        from public.deliveries d left join public.clients c on c.id = d.client_id
        where d.event in ('invoice_issued', 'log_export')
      ) x where ${way}::text is null or x.way = ${way} order by x.kind, x.service, x.way`,
  ]);
}

interface BadWorld {
  readonly sql: Sql;
  /** Where list prices are read. */
  readonly sourceUrl: string;
  misbehave(how: { readonly way: BadAnswer; readonly moment: BadMoment } | null): void;
  /** One request of the worker whose mail goes this way. */
  run(mail: "smtp" | "resend"): Promise<z.infer<typeof summary>>;
  /** Makes those due that go with this mail: of one bad answer, or all. */
  due(way: BadAnswer | null, mail: "smtp" | "resend"): Promise<void>;
  /** What operators do when the services are well. */
  heal(): Promise<void>;
  /** Every receiver has each delivery, once. */
  arrived(all: readonly Delivery[]): Promise<void>;
}

/** Everything real but the services, each behind what can misbehave. */
async function withBadServices(test: (world: BadWorld) => Promise<void>): Promise<void> {
  const stripe = startStripe({ secretKey: STRIPE_KEY });
  const resend = startResend();
  const source = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      Response.json({
        "a-model": {
          litellm_provider: "anthropic",
          mode: "chat",
          input_cost_per_token: 1e-6,
          output_cost_per_token: 2e-6,
        },
      }),
  );
  try {
    await withDeliveryWorld(async ({ sql, platform, hermes, smtp }) => {
      const portOf = (url: string) => Number(new URL(url).port);
      const proxies = {
        hermes: startBadProxy("http", portOf(hermes.url)),
        smtp: startBadProxy("smtp", portOf(smtp.url)),
        resend: startBadProxy("http", portOf(resend.url)),
        stripe: startBadProxy("http", portOf(stripe.url)),
        storage: startBadProxy("http", portOf(platform.urls.api)),
        source: startBadProxy("http", source.addr.port),
      };
      const at = (name: keyof typeof proxies) => `127.0.0.1:${proxies[name].port}`;
      const pool = openDatabase(platform.urls.database);
      const client = createClient(`http://${at("storage")}`, platform.keys.secret, {
        auth: { persistSession: false },
        global: { fetch: boundedFetch({ bytes: 50_000_000, withinMs: 2000 }) },
      });
      const variables = {
        SUPABASE_DB_URL: platform.urls.database,
        BILLING_FROM: "LeverEdge Billing <billing@leveredge.test>",
        HERMES_URL: `http://${at("hermes")}`,
        STRIPE_API_KEY: STRIPE_KEY,
        STRIPE_API_BASE: `http://${at("stripe")}`,
      };
      const mails = {
        smtp: { SMTP_URL: `smtp://${at("smtp")}` },
        resend: { RESEND_API_KEY: "re_1", RESEND_API_BASE: `http://${at("resend")}` },
      };
      const errors: unknown[] = [];
      const run: BadWorld["run"] = async (mail) => {
        const response = await handleDeliver(new Request("http://h/", { method: "POST" }), {
          work: () =>
            workOnce({
              pool,
              environment: DeliveryEnvironment.parse({ ...variables, ...mails[mail] }),
              client,
              reportError: (error) => errors.push(error),
              limits: { ...LIMITS, deliveryMs: 3000, cpuMs: 60_000 },
            }),
          overview: () => Promise.reject(new Error("not asked for")),
          reportError: (error) => errors.push(error),
        });
        strictEqual(response.status, 200, `${errors.at(-1)}`);
        return summary.parse(await response.json());
      };
      const due: BadWorld["due"] = async (way, mail) => {
        const ids = (await deliveries(sql, way)).filter(({ service, state }) =>
          state === "queued" && (service === "resend") === (mail === "resend")
        ).map(({ id }) => id);
        // Nothing else comes again meanwhile, by the other mail.
        await sql`update public.deliveries
          set due_at = case when id = any(${ids}::bigint[]) then now() - interval '1 second'
            else 'infinity' end
          where state = 'queued' and event in ('invoice_issued', 'log_export')`;
      };
      try {
        await test({
          sql,
          sourceUrl: `http://${at("source")}/map.json`,
          run,
          due,
          misbehave: (how) => {
            const { smtp: mailServer, ...others } = proxies;
            for (const proxy of Object.values(others)) proxy.misbehave(how);
            // A mail server that takes a mail and says otherwise gets it again: at-least-once.
            mailServer.misbehave(how && { ...how, moment: "before" });
          },
          heal: async () => {
            await sql`select billing.requeue_deliveries(at => 'infinity')`;
            // What a service began badly may be looked at once and finished with the next try.
            for (let round = 0; round < 3; round++) {
              for (const mail of ["smtp", "resend"] as const) {
                await due(null, mail);
                for (let more = true; more;) more = (await run(mail)).more;
              }
            }
          },
          arrived: async (all) => {
            const keys = (service: string) =>
              all.filter((one) => one.service === service).map(({ dedupe_key: key }) => key);
            assertNotified(hermes.received, keys("hermes"));
            const mailed = smtp.received.map(({ messageId = "" }) => messageId)
              .filter((id) => id.startsWith("<invoice_issued."));
            strictEqual(new Set(mailed).size, mailed.length);
            strictEqual(mailed.length, keys("smtp").length);
            const resent = resend.sent.filter((key) => key.startsWith("invoice_issued."));
            strictEqual(resent.length, keys("resend").length);
            await assertStripe(sql, stripe.state, keys("stripe").length);
            await assertFiles(sql, createClient(platform.urls.api, platform.keys.secret), all);
          },
        });
      } finally {
        await pool.end();
        for (const proxy of Object.values(proxies)) await proxy.stop();
      }
    });
  } finally {
    await stripe.stop();
    await resend.stop();
    await source.shutdown();
  }
}
