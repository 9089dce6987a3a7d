import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Sql } from "postgres";
import type { DemoClient } from "./client.ts";
import type { June } from "./june.ts";
import { type DemoLog, microToDecimal } from "./log.ts";
import { uuidOf } from "../random.ts";

const ROWS_PER_CHUNK = 2000;
const LOG_COLUMNS = [
  "agent",
  "endpoint",
  "model",
  "input_tokens",
  "output_tokens",
  "web_searches",
  "other_features",
  "input_cost",
  "output_cost",
  "feature_cost",
  "total_cost",
  "metadata",
  "timestamp",
  "client_id",
] as const;

/** Writes the seller, the clients, their terms and prices, and who their agents are. */
export async function loadClients(sql: Sql, june: June): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`
      update public.billing_settings set
        seller_name = 'LeverEdge AI Services Ltd',
        seller_address = ${["12 Harbour Row", "Dublin 2, D02 XY45", "Ireland"]},
        seller_email = 'billing@leveredge.example',
        seller_tax_id = 'IE9999999XX',
        seller_website = 'leveredge.example',
        payment_instructions = 'IBAN IE00 LEVR 0000 0000 0000 00 · BIC LEVRIE00',
        invoice_footer = 'LeverEdge AI Services Ltd is fictitious. Nobody owes it anything.'`;
    await tx`insert into public.clients ${tx(june.clients.map(clientRow))}`;
    for (const client of june.clients) {
      const client_id = uuidOf(client.externalId);
      if (client.config !== undefined) {
        const { taxes, ...config } = client.config;
        const row = { client_id, ...config, ...(taxes && { taxes: tx.json(taxes) }) };
        await tx`insert into public.billing_config ${tx(row)}`;
      }
      for (const { tiers, ...price } of client.prices ?? []) {
        const row = { client_id, ...price, ...(tiers && { tiers: tx.json(tiers) }) };
        await tx`insert into public.prices ${tx(row)}`;
      }
    }
    await tx`
      insert into public.agent_assignments (agent, client_id, starts_at, ends_at)
      select * from jsonb_to_recordset(${tx.json([...june.assignments])})
        as a (agent text, client_id uuid, starts_at timestamptz, ends_at timestamptz)`;
  });
}

/** Copies log rows into the table, as an import of old rows does. `tell` hears how many are in. */
export async function copyLogs(
  sql: Sql,
  logs: readonly DemoLog[],
  tell: (rows: number) => void,
): Promise<void> {
  const copy = await sql`
    copy public.agent_usage_logs (${sql([...LOG_COLUMNS])}) from stdin`.writable();
  await pipeline(Readable.from(copyChunks(logs, tell)), copy);
}

function* copyChunks(logs: readonly DemoLog[], tell: (rows: number) => void) {
  for (let start = 0; start < logs.length; start += ROWS_PER_CHUNK) {
    const chunk = logs.slice(start, start + ROWS_PER_CHUNK);
    yield chunk.map(copyLine).join("");
    tell(start + chunk.length);
  }
}

/** A line of COPY's text format. */
function copyLine(log: DemoLog): string {
  const total = log.inputCostMicro + log.outputCostMicro + log.featureCostMicro;
  const values: Record<typeof LOG_COLUMNS[number], string | undefined> = {
    agent: log.agent,
    endpoint: log.endpoint,
    model: log.model,
    input_tokens: String(log.input_tokens),
    output_tokens: String(log.output_tokens),
    web_searches: String(log.web_searches),
    other_features: JSON.stringify(log.other_features),
    input_cost: microToDecimal(log.inputCostMicro),
    output_cost: microToDecimal(log.outputCostMicro),
    feature_cost: microToDecimal(log.featureCostMicro),
    total_cost: microToDecimal(total),
    metadata: JSON.stringify(log.metadata),
    timestamp: `${log.timestamp}Z`,
    client_id: log.client_id,
  };
  return `${LOG_COLUMNS.map((column) => copyField(values[column])).join("\t")}\n`;
}

function copyField(value: string | undefined): string {
  if (value === undefined) return "\\N";
  return value.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");
}

function clientRow(client: DemoClient) {
  const date = (day: number) => `2026-06-${String(day).padStart(2, "0")}`;
  return {
    id: uuidOf(client.externalId),
    external_id: client.externalId,
    name: client.name,
    email: client.email,
    address: [...client.address],
    tax_id: client.taxId ?? null,
    locale: client.locale,
    paper: client.paper ?? "A4",
    time_zone: client.timeZone,
    started_on: date(client.firstDate ?? 1),
    ended_on: client.lastDate === undefined ? null : date(client.lastDate + 1),
  };
}
