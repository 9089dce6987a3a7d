import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createClientRoute } from "../../../../shared/api/clients.ts";
import { clientMargins, dailyUsage, monthlyUsage } from "../../../../shared/api/usage.ts";
import { call, data, sql } from "./calls.ts";

// Usage as the dashboards have summed it.

/** A client with calls of two agents in a month of its own. */
async function clientWithCalls(month: string): Promise<string> {
  const { id } = await data(call(createClientRoute, {
    body: { name: `Sums ${crypto.randomUUID()}`, started_on: `${month}-01`, time_zone: "UTC" },
  }));
  const calls: [string, string, string, number][] = [
    ["A", "one", `${month}-03`, 2],
    ["A", "two", `${month}-03`, 1],
    ["B", "one", `${month}-09`, 4],
  ];
  await sql`insert into public.agent_usage_logs ${
    sql(calls.map(([agent, model, day, total_cost]) => ({
      client_id: id,
      agent: `${agent}-${id}`,
      model,
      web_searches: 3,
      total_cost,
      timestamp: `${day}T10:00:00Z`,
    })))
  }`;
  await sql`select billing.count_usage()`;
  await sql`select billing.refresh_dashboards()`;
  return id;
}

Deno.test("a month's usage is summed by client, agent, model and metric, the dearest first", async () => {
  const month = "2026-02";
  const client_id = await clientWithCalls(month);
  const sums = async (group_by: string, more: object = {}) =>
    (await data(call(monthlyUsage, { query: { month, client_id, group_by, ...more } }))).data;
  deepStrictEqual(
    (await sums("agent")).map(({ agent, provider_cost, quantity }) => [
      agent,
      provider_cost,
      quantity,
    ]),
    [[`B-${client_id}`, "4", null], [`A-${client_id}`, "3", null]],
  );
  deepStrictEqual(
    (await sums("model", { agent: `A-${client_id}` })).map((row) => [row.model, row.provider_cost]),
    [["one", "2"], ["two", "1"]],
  );
  const metrics = await sums("metric");
  strictEqual(metrics.find(({ metric }) => metric === "web_searches")?.quantity, "9");
  // Page by page it is the same list.
  const first = await data(call(monthlyUsage, {
    query: { month, client_id, group_by: "agent,model", limit: 2 },
  }));
  const second = await data(call(monthlyUsage, {
    query: {
      month,
      client_id,
      group_by: "agent,model",
      limit: 2,
      ...first.next_cursor === null ? {} : { cursor: first.next_cursor },
    },
  }));
  deepStrictEqual([...first.data, ...second.data].map(({ provider_cost }) => provider_cost), [
    "4",
    "2",
    "1",
  ]);
  strictEqual(second.next_cursor, null);
});

Deno.test("days and margins say what calls cost, and a span of years is refused", async () => {
  const month = "2026-01";
  const client_id = await clientWithCalls(month);
  const days = { start: `${month}-01`, end: `${month}-31` };
  deepStrictEqual((await data(call(dailyUsage, { query: { ...days, client_id } }))).data, [
    { day: `${month}-03`, provider_cost: "3" },
    { day: `${month}-09`, provider_cost: "4" },
  ]);
  const mine = (await data(call(clientMargins, { query: { month, limit: 200 } }))).data
    .find((row) => row.client_id === client_id);
  deepStrictEqual([mine?.currency, mine?.revenue_minor, mine?.provider_cost], [null, 0, "7"]);
  for (const end of ["2025-12-31", "2027-06-01"]) {
    const { error } = await call(dailyUsage, { query: { start: days.start, end } });
    strictEqual(error?.code, "bad_request", end);
  }
  ok((await call(clientMargins, { query: { month, cursor: "e30" } })).error !== null);
});
