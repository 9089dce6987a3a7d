import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createClientRoute } from "../../../../shared/api/clients.ts";
import { createConfig, createPrice } from "../../../../shared/api/terms.ts";
import { clientUsage, correctCall } from "../../../../shared/api/usage.ts";
import { call, data, sql } from "./calls.ts";

// Calls are corrected and taken back.

Deno.test("a call is stated anew and taken back; a dry run says the effect and leaves all as it was", async () => {
  const { id: client_id } = await data(call(createClientRoute, {
    body: { name: `Wrong ${crypto.randomUUID()}`, started_on: "2026-05-01", time_zone: "UTC" },
  }));
  await data(call(createConfig, { body: { client_id, currency: "USD", minimum_minor: 0 } }));
  await data(call(createPrice, {
    body: { client_id, metric: "output_tokens", unit_amount: "1", per_units: "1000000" },
  }));
  const [log] = await sql<{ id: string }[]>`
    insert into public.agent_usage_logs (agent, client_id, model, output_tokens, "timestamp")
    values (${client_id}, ${client_id}, 'wrong', 6000000, '2026-05-03T10:00:00Z') returning id`;
  await sql`select billing.count_usage()`;
  const params = { client_id, call_id: log?.id ?? "" };
  const tokens = async () =>
    (await data(call(clientUsage, {
      params: { client_id },
      query: { start: "2026-05-01", end: "2026-05-31" },
    }))).data.find(({ metric }) => metric === "output_tokens")?.quantity;
  const body = {
    action: "correct",
    reason: "typed twice",
    counts: { output_tokens: 2_000_000 },
  } as const;
  // 6,000,000 tokens at 1.00 a million are 6.00, 2,000,000 are 2.00.
  const tried = await data(call(correctCall, { params, body: { ...body, dry_run: true } }));
  deepStrictEqual(tried.effect, {
    period: { start: "2026-05-01", end: "2026-06-01" },
    is_invoiced: false,
    currency: "USD",
    before_minor: 600,
    after_minor: 200,
  });
  strictEqual(await tokens(), "6000000");
  ok((await data(call(correctCall, { params, body }))).log_id !== null);
  strictEqual(await tokens(), "2000000");
  strictEqual((await data(call(correctCall, { params, body }))).log_id, null, "it says so already");
  const taken = await data(call(correctCall, {
    params,
    body: { action: "retract", reason: "never made" },
  }));
  deepStrictEqual([taken.effect?.before_minor, taken.effect?.after_minor], [200, 0]);
  strictEqual(await tokens(), "0");
  const foreign = await call(correctCall, {
    params: { ...params, call_id: crypto.randomUUID() },
    body,
  });
  strictEqual(foreign.error?.code, "not_found");
});
