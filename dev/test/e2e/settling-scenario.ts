import { randomUUID } from "node:crypto";
import type { Sql } from "postgres";

/** The client whose June is settled while something moves, for settling-moves.test.ts. */
export interface Scenario {
  readonly client: string;
  readonly model: string;
}

export type Step = (sql: Sql, scenario: Scenario) => Promise<unknown>;

/** A feature that no other scenario uses. */
export const featureOf = ({ client }: Scenario) => `things_${client.replaceAll("-", "")}`;

export const rollup = (sql: Sql) => sql`select _billing.rollup()`;

/**
 * A client of June with 1,000 searches, 10 pages at their list price and an item of 10.00, beside
 * whatever there was before.
 */
export async function prepare(sql: Sql, name: string): Promise<Scenario> {
  const scenario = { client: randomUUID(), model: `model-${randomUUID()}` };
  await sql`
    insert into public.clients (id, name, started_on) values (${scenario.client}, ${name}, '2026-06-01')`;
  await sql`
    insert into public.billing_config (client_id, minimum_minor, taxes)
    values (${scenario.client}, 0, '[]')`;
  await sql`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    values (${scenario.client}, 'Support', 10, 'USD', '2026-06-05')`;
  await listPages(sql, scenario);
  await logSearches(sql, scenario, 1000);
  await sql`select _billing.rollup()`;
  return scenario;
}

/** Pages cost the client what the model's provider charges for them, 1.00 each. */
async function listPages(sql: Sql, { client, model }: Scenario) {
  const [sync] = await sql<{ id: string }[]>`
    insert into public.price_syncs (source, sha256, fetched_at)
    values ('litellm', md5(${model}) || md5(${model}), '2026-06-01') returning id`;
  await sql`
    insert into public.listed_models (id, provider, sync_id)
    values (${model}, 'p', ${sync?.id ?? ""})`;
  await sql`
    insert into public.list_prices (provider, model, metric, amount, sync_id, source_field,
      source_text)
    values ('p', ${model}, 'pages', 1, ${sync?.id ?? ""}, 'page', '1')`;
  await sql`
    insert into public.prices (client_id, metric, pricing_model, unit_amount, markup_percent)
    values (${client}, 'pages', 'cost_plus', 0, 0)`;
  await sql`
    insert into public.agent_usage_logs (agent, model, other_features, client_id, "timestamp")
    values ('S', ${model}, '{"pages": 10}', ${client}, '2026-06-10T00:00:00Z')`;
}

export async function logSearches(
  sql: Sql,
  { client, model }: Scenario,
  count: number,
  at = "2026-06-10T00:00:00Z",
) {
  await sql`
    insert into public.agent_usage_logs (agent, model, web_searches, client_id, "timestamp")
    values ('S', ${model}, ${count}, ${client}, ${at})`;
  await rollup(sql);
}

/** Calls with a feature that has no price unless the scenario gives it one. */
export async function logFeature(sql: Sql, scenario: Scenario, count: number) {
  await sql`
    insert into public.agent_usage_logs (agent, model, other_features, client_id, "timestamp")
    values ('S', ${scenario.model}, ${sql.json({ [featureOf(scenario)]: count })},
      ${scenario.client}, '2026-06-10T00:00:00Z')`;
  await rollup(sql);
}

/** 1,000 tokens of input. */
export async function logTokens(
  sql: Sql,
  { client, model }: Scenario,
  metadata: Readonly<Record<string, boolean | number>>,
) {
  await sql`
    insert into public.agent_usage_logs (agent, model, input_tokens, metadata, client_id,
      "timestamp")
    values ('S', ${model}, 1000, ${sql.json(metadata)}, ${client}, '2026-06-10T00:00:00Z')`;
  await rollup(sql);
}

/** 400 searches of an agent of its own, without a client_id. */
export async function logOfNobody(
  sql: Sql,
  agent: string,
  metadata: Readonly<Record<string, string>>,
) {
  await sql`
    insert into public.agent_usage_logs (agent, model, web_searches, metadata, "timestamp")
    values (${agent}, 'm', 400, ${sql.json(metadata)}, '2026-06-10T00:00:00Z')`;
  await rollup(sql);
}
