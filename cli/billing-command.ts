import { Command } from "commander";
import type { z } from "zod";
import { addressOf } from "../shared/client/billing-client.ts";
import { createClientRoute, listClients } from "../shared/api/clients.ts";
import { listDeliveries, retryDelivery } from "../shared/api/deliveries.ts";
import { generateInvoice, listInvoices, previewInvoice } from "../shared/api/invoices.ts";
import { exportJournal, exportJournalLayout } from "../shared/api/journal.ts";
import {
  health,
  listQuarantine,
  reconcile,
  runMonth,
  type RunSummary,
} from "../shared/api/operations.ts";
import { explainPrice, listPrices } from "../shared/api/terms.ts";
import { agentKeyCommands } from "./agent-key-commands.ts";
import { compareCommand } from "./adopt/compare.ts";
import { auditCommands, personalDataCommands } from "./audit-commands.ts";
import type { BillingPorts } from "./billing-ports.ts";
import { clientId } from "./client-id.ts";
import { creditCommands } from "./credit-commands.ts";
import { catalogueCommands } from "./catalogue-commands.ts";
import { CommandFailed, type Terminal } from "./command-line.ts";
import { allPages, dataOf } from "./connection.ts";
import { initCommand } from "./init-command.ts";
import { money } from "./money.ts";
import { show } from "./show.ts";
import { INVOICE, showInvoice, withTotals } from "./show-invoice.ts";
import { showDocument } from "./show-document.ts";

/** `npm run billing -- <command>`: what an operator does, at a shell. */
export function billingCommand(ports: BillingPorts): Command {
  const program = new Command("billing")
    .description("LeverEdge Billing at a shell; every command takes --json")
    // What stands after the name of a command is that command's: prices and prices sync have --json.
    .enablePositionalOptions();
  clientCommands(program, ports);
  invoiceCommands(program, ports);
  runCommand(program, ports);
  priceCommands(program, ports);
  creditCommands(program, ports);
  deliveryCommands(program, ports);
  checkCommands(program, ports);
  auditCommands(program, ports);
  personalDataCommands(program, ports);
  agentKeyCommands(program, ports);
  if (ports.init !== undefined) initCommand(program, { ...ports, ...ports.init });
  compareCommand(program, { terminal: ports.terminal, databaseUrl: ports.databaseUrl });
  return program;
}

function clientCommands(program: Command, { connect, terminal }: BillingPorts): void {
  program.command("clients").description("List clients")
    .option("--status <status>", "active or paused")
    .option("--json", "print JSON")
    .action(async ({ json, status }) => {
      const billing = connect();
      const clients = await allPages((cursor) =>
        dataOf(billing(listClients, { query: { cursor, limit: 200, status } }))
      );
      show(terminal, json, clients, ["name", "external_id", "status", "time_zone", "id"]);
    });
  program.command("add-client").description("Add a client").argument("<name>")
    .option("--external-id <id>", "the id other systems know it by")
    .option("--email <address>", "where invoices go")
    .option("--time-zone <zone>", "whose midnights bound its days, like Pacific/Auckland")
    .option("--started-on <day>", "first day of service")
    .option("--json", "print JSON")
    .action(async (name, { json, externalId, email, timeZone, startedOn }) => {
      const client = await dataOf(
        connect()(createClientRoute, {
          body: {
            name,
            external_id: externalId,
            email,
            time_zone: timeZone,
            started_on: startedOn,
          },
        }),
      );
      show(terminal, json, client, ["name", "external_id", "time_zone", "started_on", "id"]);
    });
}

function invoiceCommands(program: Command, { connect, terminal }: BillingPorts): void {
  program.command("invoices").description("List invoices, or show one with its lines")
    .argument("[id]", "id or number")
    .option("--client-id <id>", "of one client: its id or external id")
    .option("--status <status>", "draft, open, paid, void or uncollectible")
    .option("--period <YYYY-MM>", "whose period begins in this month")
    .option("--json", "print JSON")
    .action(async (id, { json, status, period, clientId: name }) => {
      const billing = connect();
      if (id !== undefined) {
        return await showInvoice({ billing, terminal }, id, json);
      }
      const client_id = name && await clientId(billing, name);
      const invoices = await allPages((cursor) =>
        dataOf(billing(listInvoices, { query: { cursor, limit: 200, status, period, client_id } }))
      );
      show(terminal, json, json ? invoices : invoices.map(withTotals), INVOICE);
    });
  program.command("preview").description("The invoice of a client's period as it would be now")
    .argument("<client>", "id or external id")
    .option("--day <YYYY-MM-DD>", "a day of the period; today where left out")
    .option("--json", "print JSON")
    .action(async (name, { json, day }) => {
      const billing = connect();
      const client_id = await clientId(billing, name);
      const { document } = await dataOf(billing(previewInvoice, { body: { client_id, day } }));
      if (document === null) return terminal.out("Nothing to invoice.");
      if (json) return show(terminal, json, document, []);
      showDocument(terminal, document);
    });
  program.command("generate").description("Invoice one client's period that is over")
    .argument("<client>", "id or external id").argument("<period>", "YYYY-MM")
    .option("--dry-run", "store nothing")
    .option("--json", "print JSON")
    .action(async (name, period, { json, dryRun }) => {
      const billing = connect();
      const client_id = await clientId(billing, name);
      const made = await dataOf(billing(generateInvoice, {
        body: { client_id, period, dry_run: dryRun ?? false },
      }));
      if (json) return show(terminal, json, made, []);
      terminal.out(`Outcome: ${made.outcome}`);
      if (made.invoice !== null) show(terminal, false, withTotals(made.invoice), INVOICE);
      if (made.document !== null) showDocument(terminal, made.document);
    });
}

function runCommand(program: Command, { connect, terminal, progress }: BillingPorts): void {
  program.command("run").description("The monthly run: invoice every period that is over")
    .option("--as-of <instant>", "as of an instant like 2026-07-01T00:00:00Z; now where left out")
    .option("--json", "print JSON")
    .action(async ({ json, asOf }) => {
      const summary = await progress.step("The monthly run", async () => {
        const done = await dataOf(connect()(runMonth, { body: { as_of: asOf } }));
        return [`${done.invoices} ${done.invoices === 1 ? "invoice" : "invoices"}`, done];
      });
      if (json) return show(terminal, json, summary, []);
      showRun(terminal, summary);
    });
}

/** A run for people: what was billed, what is blocked and why, what waits for a release. */
function showRun(
  terminal: Terminal,
  { totals, blocked, held = [] }: z.infer<typeof RunSummary>,
): void {
  for (const [currency, total] of Object.entries(totals)) {
    terminal.out(`Total ${money(total, currency)}`);
  }
  terminal.out(`Blocked months: ${blocked.length === 0 ? "none" : blocked.length}`);
  if (blocked.length > 0) {
    show(terminal, false, blocked, ["client", "period_start", "reason", "message"]);
  }
  if (held.length > 0) {
    terminal.out("Held until they are released:");
    show(terminal, false, held, ["client", "period_start", "message"]);
  }
}

function priceCommands(program: Command, ports: BillingPorts): void {
  const { connect, terminal } = ports;
  const prices = program.command("prices").description(
    "List prices: the default list, or a client's own",
  )
    .option("--client-id <id>", "of one client: its id or external id")
    .option("--on <YYYY-MM-DD>", "in force on a day")
    .option("--json", "print JSON")
    .action(async ({ json, on, clientId: name }) => {
      const billing = connect();
      const client_id = name && await clientId(billing, name);
      const found = await allPages((cursor) =>
        dataOf(billing(listPrices, { query: { cursor, limit: 200, client_id, on } }))
      );
      show(terminal, json, found, [
        "model",
        "family",
        "metric",
        "rate_class",
        "pricing_model",
        "unit_amount",
        "per_units",
        "currency",
        "effective_from",
      ]);
    });
  program.command("explain-price").description("Which price holds for a client's usage, and why")
    .argument("<client>").argument("<model>").argument("<metric>").argument("<day>")
    .option("--rate-class <class>", "of a rate class: batch, priority, …")
    .option("--json", "print JSON")
    .action(async (name, model, metric, day, { json, rateClass: rate_class }) => {
      const billing = connect();
      const client_id = await clientId(billing, name);
      const question = { client_id, model, metric, day, rate_class };
      const data = await allPages((cursor) =>
        dataOf(billing(explainPrice, { query: { ...question, cursor, limit: 200 } }))
      );
      show(terminal, json, data, ["rank", "chosen", "why", "unit_amount", "per_units", "currency"]);
    });
  catalogueCommands(program, prices, ports);
}

function deliveryCommands(program: Command, { connect, terminal }: BillingPorts): void {
  const columns = ["id", "kind", "event", "state", "attempts", "due_at", "last_error"];
  program.command("deliveries").description("What must reach the world outside, newest first")
    .option("--state <state>", "waiting, queued, running, done, dead or skipped")
    .option("--kind <kind>", "archive, stripe, email or hermes")
    .option("--json", "print JSON")
    .action(async ({ json, state, kind }) => {
      const billing = connect();
      const deliveries = await allPages((cursor) =>
        dataOf(billing(listDeliveries, { query: { cursor, limit: 200, state, kind } }))
      );
      show(terminal, json, deliveries, columns);
    });
  program.command("retry-delivery").description("Try a delivery again that gave up or was skipped")
    .argument("<id>")
    .option("--json", "print JSON")
    .action(async (id, { json }) => {
      const delivery = await dataOf(connect()(retryDelivery, { params: { delivery_id: id } }));
      show(terminal, json, delivery, columns);
    });
}

function checkCommands(program: Command, ports: BillingPorts): void {
  const { connect, terminal, progress } = ports;
  program.command("reconcile").description("Compare logs with usage records; exit 1 on differences")
    .argument("<start>", "first day").argument("<end>", "last day, included")
    .option("--json", "print JSON")
    .action(async (start, end, { json }) => {
      const differences = await progress.step("Logs against records", async () => {
        const { data, more } = await dataOf(connect()(reconcile, { query: { start, end } }));
        return [`${data.length}${more ? " and more" : ""} differences`, data];
      });
      show(terminal, json, differences, [
        "client_id",
        "day",
        "agent",
        "model",
        "metric",
        "rate_class",
        "logged",
        "recorded",
      ]);
      if (differences.length > 0) throw new CommandFailed();
    });
  program.command("quarantine").description("Usage that is not billed, and why")
    .option("--json", "print JSON")
    .action(async ({ json }) => {
      const billing = connect();
      const rows = await allPages((cursor) =>
        dataOf(billing(listQuarantine, { query: { cursor, limit: 200 } }))
      );
      show(terminal, json, rows, [
        "reason",
        "agent",
        "model",
        "metric",
        "rate_class",
        "rows",
        "last_day",
      ]);
    });
  program.command("journal").description("The ledger's journal of a month (UTC), as CSV")
    .argument("<month>", "YYYY-MM")
    .option("--layout <program>", "as datev, quickbooks or xero imports it; with --currency")
    .option("--currency <code>", "of the entries, like EUR; only with a layout")
    .action(async (month, { layout, currency }) => {
      const route = layout === undefined ? exportJournal : exportJournalLayout;
      const query = layout === undefined ? { month } : { month, currency };
      if (ports.download === undefined) throw new Error("nothing to write to");
      await ports.download(addressOf(route, { layout }, query));
    });
  program.command("health").description("Health of each part; with --json also waiting work")
    .option("--json", "print JSON")
    .action(async ({ json }) => {
      const state = await dataOf(connect()(health, {}));
      show(terminal, json, json ? state : state.parts, ["part", "state", "since", "detail"]);
    });
}
