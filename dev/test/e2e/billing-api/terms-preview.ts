import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { createClientRoute } from "../../../../shared/api/clients.ts";
import {
  createConfig,
  createPrice,
  listConfigs,
  previewConfig,
} from "../../../../shared/api/terms.ts";
import { sessionsOn } from "../../../../supabase/functions/_shared/api/session.ts";
import { takenBack } from "../../../../supabase/functions/billing/api/dry-run.ts";
import { platform } from "../../support/platform-env.ts";
import { call, data, sql } from "./calls.ts";

Deno.test("other terms are tried on the running period: totals before and after, and nothing stays", async () => {
  const started_on = `${new Date().toISOString().slice(0, 8)}01`;
  const { id: client_id } = await data(call(createClientRoute, {
    body: { name: `Terms ${crypto.randomUUID()}`, started_on, time_zone: "UTC" },
  }));
  await data(call(createConfig, { body: { client_id, currency: "USD", minimum_minor: 0 } }));
  await data(call(createPrice, {
    body: { client_id, metric: "output_tokens", unit_amount: "1", per_units: "1000000" },
  }));
  await sql`
    insert into public.agent_usage_logs (agent, client_id, model, output_tokens)
    values (${client_id}, ${client_id}, 'terms', 6000000)`;
  await sql`select billing.count_usage()`;
  const tried = async (terms: object) => {
    const body = {
      client_id,
      currency: "USD",
      effective_from: started_on,
      ends_previous: true,
      ...terms,
    };
    const { before, after } = await data(call(previewConfig, { body }));
    return [before?.total_minor, after?.total_minor];
  };
  // 6,000,000 tokens at 1.00 a million are 6.00; a tenth off is 5.40, a minimum of 10.00 is that.
  deepStrictEqual(await tried({ minimum_minor: 0, discount_percent: "10" }), [600, 540]);
  deepStrictEqual(await tried({ minimum_minor: 1000 }), [600, 1000]);
  const { data: configs } = await data(call(listConfigs, { query: { client_id } }));
  deepStrictEqual(configs.map(({ minimum_minor }) => minimum_minor), [0]);
  const body = { client_id, currency: "USD", effective_from: "2090-01-01", minimum_minor: 5 };
  strictEqual((await call(createConfig, { body })).error?.code, "already_exists");
  await data(call(createConfig, { body: { ...body, ends_previous: true } }));
  const { data: ended } = await data(call(listConfigs, { query: { client_id } }));
  deepStrictEqual(ended.map(({ effective_until }) => effective_until), ["2090-01-01", null]);
  const nobody = await call(previewConfig, { body: { client_id: crypto.randomUUID() } });
  strictEqual(nobody.error?.code, "not_found");
});

Deno.test("a preview is refused where its commit would be: its period was settled meanwhile", async () => {
  const { id } = await data(call(createClientRoute, {
    body: { name: `Settled ${crypto.randomUUID()}`, started_on: "2026-06-01", time_zone: "UTC" },
  }));
  const own = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const preview = sessionsOn(own)(
      { actor: "service", name: "test", claims: null },
      (session) =>
        takenBack(session, async (inside) => {
          await inside.sql`
            insert into public.billing_config (client_id, minimum_minor, effective_from)
            values (${id}, 700, '2026-06-01')`;
          // Nobody else sees the terms that are tried.
          await sql`select billing.generate_invoice(${id}, '2026-06-01')`;
          return {};
        }),
    );
    await rejects(preview, { detail: "past_is_frozen" });
    const [row] = await sql<{ configs: number }[]>`
      select count(*)::int as configs from public.billing_config where client_id = ${id}`;
    strictEqual(row?.configs, 0);
  } finally {
    await own.end();
  }
});
