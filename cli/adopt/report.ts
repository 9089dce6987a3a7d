import type { TransactionSql } from "postgres";
import { tableLines } from "../terminal/table.ts";
import type { Found } from "./look.ts";

const AT_MOST = 50;

/** What there is. */
export function describeFound(found: Found): string {
  const lines = [`Connected as ${found.user}, PostgreSQL ${Math.trunc(found.version / 10000)}.`];
  switch (found.state) {
    case "adopted":
      lines.push("This database is adopted already: there is nothing to do.");
      break;
    case "ours":
      lines.push("LeverEdge Billing is here already, and was not put here by adoption.");
      break;
    case "begun":
      lines.push("Adoption has begun here and not ended: --apply goes on, --undo goes back.");
      break;
    case "new":
      lines.push("Found:");
  }
  const { log } = found;
  if (log === null) lines.push("  no table agent_usage_logs");
  else {
    const what = log.isUsage ? "usage" : `no usage: ${log.columns.join(", ")}`;
    lines.push(`  agent_usage_logs, about ${log.rows} rows (${what})`);
  }
  for (const [name, rows] of Object.entries(found.tables)) lines.push(`  ${name}, ${rows} rows`);
  for (const warning of found.warnings) lines.push(`Mind: ${warning}`);
  for (const obstacle of found.obstacles) lines.push(`Cannot go on: ${obstacle}`);
  return lines.join("\n");
}

/** What would be done, as the functions of adoption read the earlier tables. */
export async function describePlan(tx: TransactionSql): Promise<string> {
  const clients = await tx`select old_id, name, external_id, first_day::text, stripe_customer_id,
    is_active, problem from billing_adoption.read_clients() order by name, old_id`;
  const series = await tx`select * from billing_adoption.read_series() order by 1, 2`;
  const terms = await tx`select config_id, key, value, what, family, metric, per_units::text,
    problem from billing_adoption.read_terms() order by 1, 2`;
  const [history] = await tx`select count(*)::integer as invoices,
    count(*) filter (where is_issued and status <> 'paid')::integer as unpaid
    from billing_adoption.earlier_invoices()`;
  const [from] =
    await tx`select (billing_adoption.logs_from() at time zone 'UTC')::date::text as day`;
  const taken = clients.filter(({ problem }) => problem === null);
  return [
    "Would do:",
    `  take ${taken.length} of ${clients.length} clients`,
    ...table(
      ["client", "name", "external id", "billed here from", "Stripe", "not taken"],
      taken.concat(
        clients.filter(({ problem }) => problem !== null),
      ).map((c) => [c.old_id, c.name, c.external_id, c.first_day, c.stripe_customer_id, c.problem]),
    ),
    `  take ${terms.filter(({ problem }) => problem === null).length} of ${terms.length} terms`,
    ...table(
      ["config", "column", "value", "as", "not taken"],
      terms.map((t) => [
        t.config_id,
        t.key,
        t.value,
        t.what === "price"
          ? [t.family ?? "any model", t.metric, `per ${t.per_units}`].join(" ")
          : t.what,
        t.problem,
      ]),
    ),
    `  keep ${history?.invoices} invoices as history, ${history?.unpaid} of them not paid`,
    ...series.map((s) => `  go on with ${s.series}-${s.year} after ${s.last_number}`),
    `  copy logs from ${from?.day} on; earlier ones stay readable in billing_before`,
  ].join("\n");
}

/** What was done, with every row that was not taken. */
export async function describeResult(tx: TransactionSql): Promise<string> {
  const rows = await tx`select source, source_id, reason from billing_adoption.not_taken
    order by 1, 2, 3`;
  const steps = await tx`select count(*)::integer as steps from billing_adoption.steps`;
  return [
    `Adopted: ${steps[0]?.steps} steps are done. New logs are counted each minute.`,
    rows.length === 0
      ? "Everything could be taken."
      : `Not taken, or taken otherwise (select * from billing_adoption.not_taken): ${rows.length}`,
    ...table(
      ["where", "row", "why"],
      rows.slice(0, AT_MOST).map((r) => [r.source, r.source_id, r.reason]),
    ),
  ].join("\n");
}

function table(titles: readonly string[], rows: readonly (readonly unknown[])[]): string[] {
  if (rows.length === 0) return [];
  return tableLines(
    titles.map((title) => ({ title, align: "left" as const })),
    rows.map((row) =>
      row.map((value) => value === null || value === undefined ? "" : String(value))
    ),
  ).map((line) => `  ${line}`);
}
