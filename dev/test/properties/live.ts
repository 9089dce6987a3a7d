/** Lives a random world through the real SQL. */
import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";
import { insert } from "../cases/insert.ts";
import type { Row } from "../cases/world.ts";
import { type Call, type RandomClient, runsAt } from "./worlds.ts";

/** Makes the clients, named A, B, …; returns their ids in that order. */
export async function settle(sql: Sql, world: readonly RandomClient[]): Promise<string[]> {
  await sql`select set_config('billing.as_of', '2026-01-01', true)`;
  await sql`update public.billing_settings set number_series = 'WORLD'`;
  // Random prices are no reason to hold a draft here: 50_invoicing/holds tests that.
  await sql`delete from public.hold_limits`;
  const ids: string[] = [];
  for (const { client, config, prices } of world) {
    const id = randomUUID();
    ids.push(id);
    const name = String.fromCharCode(64 + ids.length);
    await insert(sql, "clients", { id, name, ...client });
    await insert(sql, "billing_config", { client_id: id, ...config });
    for (const price of prices) await insert(sql, "prices", { client_id: id, ...price });
  }
  return ids;
}

/** The log rows of a world in the order in which they arrive, by run; `takes_back` names a call. */
export function arrivals(ids: readonly string[], world: readonly RandomClient[]): Row[][] {
  return runsAt.map((_, place) =>
    world.flatMap(({ calls }, index) =>
      calls.flatMap((call, nth): Row[] => [
        ...(call.arrives === place ? [logRow(ids[index] ?? "", call, `${index}.${nth}`)] : []),
        ...(call.takenBack === place ? [{ takes_back: `${index}.${nth}` }] : []),
      ])
    )
  );
}

export async function send(sql: Sql, rows: readonly Row[]): Promise<void> {
  for (const row of rows) {
    if (!("takes_back" in row)) await insert(sql, "agent_usage_logs", row);
  }
  for (const { takes_back } of rows) {
    if (typeof takes_back !== "string") continue;
    await sql`select billing.retract_log(id, 'a property') from public.agent_usage_logs
      where metadata ->> 'call' = ${takes_back} and corrects_id is null`;
  }
}

/** One more run, in which each client has one period over, with a charge of its own. */
export async function close(sql: Sql, ids: readonly string[], world: readonly RandomClient[]) {
  for (const [index, id] of ids.entries()) {
    await insert(sql, "invoice_items", {
      client_id: id,
      description: "Support",
      unit_amount: "10",
      currency: world[index]?.config["currency"] ?? "USD",
      item_day: "2026-12-10",
    });
  }
  await sql`select billing.run_monthly('2027-01-10')`;
}

function logRow(client_id: string, call: Call, key: string): Row {
  return {
    client_id,
    agent: call.agent,
    model: call.model,
    timestamp: call.at,
    web_searches: call.searches,
    input_tokens: call.tokens,
    other_features: call.units === 0 ? {} : { units: call.units },
    metadata: {
      call: key,
      ...call.cached === 0 ? {} : { cache_read_tokens: call.cached },
      ...call.counting === null ? {} : { counting: call.counting },
    },
  };
}
