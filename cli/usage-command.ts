import { Command, InvalidArgumentError } from "commander";
import { listClients } from "../shared/api/clients.ts";
import { Day } from "../shared/api/fields.ts";
import { allUsage, rollupUsage } from "../shared/api/usage.ts";
import type { BillingClient } from "../shared/client/billing-client.ts";
import { sumDecimals } from "../shared/money.ts";
import { tableLines } from "./terminal/table.ts";
import { clientId } from "./client-id.ts";
import type { Terminal } from "./command-line.ts";
import { allPages, dataOf } from "./connection.ts";

/** What the usage tracker is given from outside. */
export interface UsagePorts {
  readonly connect: () => BillingClient;
  readonly today: () => Date;
  readonly terminal: Terminal;
}

interface UsageOptions {
  readonly clientId?: string;
  readonly start?: string;
  readonly end?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const DAY = 86_400_000;

/** `npm run usage`: counts what has arrived and shows usage per client, agent, model, metric and rate class. */
export function usageCommand({ connect, today, terminal }: UsagePorts): Command {
  return new Command("usage")
    .description("Count agents' usage and show it: all clients, the last 30 days")
    .option("--client-id <id>", "one client: its id or external id")
    .option("--start <YYYY-MM-DD>", "first day", day)
    .option("--end <YYYY-MM-DD>", "last day, included", day)
    .option("--dry-run", "write nothing: sum the logs instead of counting them")
    .option("--json", "print JSON")
    .action(async (options: UsageOptions) => {
      const billing = connect();
      const span = spanOf(options, today());
      if (!options.dryRun) await dataOf(billing(rollupUsage, {}));
      const client_id = options.clientId && await clientId(billing, options.clientId);
      const rows = await allPages((cursor) =>
        dataOf(billing(allUsage, {
          query: {
            ...span,
            cursor,
            limit: 200,
            client_id,
            group_by: "client,agent,model",
            source: options.dryRun ? "logs" : "records",
          },
        }))
      );
      const names = await clientNames(billing);
      const usage = rows.map(({ day: _day, ...row }) => ({
        client: names.get(row.client_id ?? "") ?? null,
        ...row,
      }));
      if (options.json) {
        const dry_run = options.dryRun ?? false;
        terminal.out(JSON.stringify({ ...span, dry_run, usage, totals: totalsOf(usage) }, null, 2));
        return;
      }
      terminal.out(`Usage from ${span.start} to ${span.end}, both included`);
      terminal.out(tableOf(usage));
    });
}

/** The days asked for; 30 of them up to the end, which is today unless given. */
function spanOf({ start, end }: UsageOptions, today: Date): { start: string; end: string } {
  const last = end ?? today.toISOString().slice(0, 10);
  const first = start ??
    new Date(Date.parse(`${last}T00:00:00Z`) - 29 * DAY).toISOString().slice(0, 10);
  return { start: first, end: last };
}

async function clientNames(billing: BillingClient): Promise<Map<string, string>> {
  const clients = await allPages((cursor) =>
    dataOf(billing(listClients, { query: { cursor, limit: 200 } }))
  );
  return new Map(clients.map(({ id, name }) => [id, name]));
}

interface ShownUsage {
  readonly client: string | null;
  readonly agent: string | null;
  readonly model: string | null;
  readonly metric: string;
  readonly rate_class: string;
  readonly quantity: string;
  readonly provider_cost: string | null;
}

/** What was used of each metric and class (`batch input_tokens`), and what all of it cost us. */
function totalsOf(
  usage: readonly ShownUsage[],
): { quantities: Record<string, string>; provider_cost: string } {
  const quantities = new Map<string, string>();
  for (const { quantity, ...row } of usage) {
    const name = nameOf(row);
    quantities.set(name, sumDecimals([quantities.get(name) ?? "0", quantity]));
  }
  return {
    quantities: Object.fromEntries([...quantities].toSorted(([a], [b]) => a < b ? -1 : 1)),
    provider_cost: sumDecimals(usage.map((row) => row.provider_cost ?? "0")),
  };
}

/** A metric, of a rate class that is not standard with the class before it. */
function nameOf({ metric, rate_class }: Pick<ShownUsage, "metric" | "rate_class">): string {
  return rate_class === "standard" ? metric : `${rate_class} ${metric}`;
}

function tableOf(usage: readonly ShownUsage[]): string {
  if (usage.length === 0) return "No usage.";
  const { quantities, provider_cost } = totalsOf(usage);
  return tableLines(
    [
      { title: "Client", align: "left" },
      { title: "Agent", align: "left" },
      { title: "Model", align: "left" },
      { title: "Metric", align: "left" },
      { title: "Quantity", align: "right" },
      { title: "Provider cost USD", align: "right" },
    ],
    [
      ...usage.map(({ client, agent, model, quantity, provider_cost, ...row }) => [
        client ?? "",
        agent ?? "",
        model ?? "",
        nameOf(row),
        quantity,
        provider_cost ?? "",
      ]),
      ...Object.entries(quantities).map(([metric, total]) => ["Total", "", "", metric, total, ""]),
      ["Total", "", "", "", "", provider_cost],
    ],
  ).join("\n");
}

function day(text: string): string {
  if (!Day.safeParse(text).success) throw new InvalidArgumentError("Give a day as YYYY-MM-DD.");
  return text;
}
