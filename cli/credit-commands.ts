import type { Command } from "commander";
import { creditBalance, grantCredit, listCredits } from "../shared/api/credits.ts";
import type { BillingClient } from "../shared/client/billing-client.ts";
import { clientId } from "./client-id.ts";
import type { Terminal } from "./command-line.ts";
import { allPages, dataOf } from "./connection.ts";
import { money } from "./money.ts";
import { show } from "./show.ts";
import { topUpCommands } from "./top-up-commands.ts";

interface Ports {
  readonly connect: () => BillingClient;
  readonly terminal: Terminal;
}

const BALANCE = ["balance", "granted", "not_invoiced", "live", "promotional"];
const COLUMNS = ["kind", "amount", "left", "state", "priority", "effective_at", "expires_at", "id"];

/** `credits grant|list|balance|top-up|top-ups|recharge`: credit that clients have before they are invoiced. */
export function creditCommands(program: Command, { connect, terminal }: Ports): void {
  const credits = program.command("credits").description("Credit of clients");
  grantCommand(credits, { connect, terminal });
  topUpCommands(credits, { connect, terminal });
  credits.command("list").description("Grants of credit in the order in which they are used")
    .argument("<client>", "id or external id")
    .option("--json", "print JSON")
    .action(async (client, { json }) => {
      const billing = connect();
      const client_id = await clientId(billing, client);
      const data = await allPages((cursor) =>
        dataOf(billing(listCredits, { params: { client_id }, query: { cursor, limit: 200 } }))
      );
      show(terminal, json, json ? data : data.map(withMoney), COLUMNS);
    });
  credits.command("balance")
    .description("Balance and grants less what is used and not invoiced yet")
    .argument("<client>", "id or external id")
    .option("--json", "print JSON")
    .action(async (client, { json }) => {
      const billing = connect();
      const client_id = await clientId(billing, client);
      const { data } = await dataOf(billing(creditBalance, { params: { client_id } }));
      const rows = data.map((row) => ({
        balance: money(row.balance_minor, row.currency),
        granted: money(row.granted_minor, row.currency),
        not_invoiced: money(row.uninvoiced_minor, row.currency),
        live: money(row.live_minor, row.currency),
        promotional: money(row.promotional_minor, row.currency),
      }));
      show(terminal, json, json ? data : rows, BALANCE);
    });
}

function grantCommand(credits: Command, { connect, terminal }: Ports): void {
  credits.command("grant").description("Grant credit; the same reference counts once")
    .argument("<client>", "id or external id")
    .argument("<amount>", "in minor units: 10000 is 100.00 USD", Number)
    .requiredOption("--reference <text>", "its name where it was paid or decided")
    .option(
      "--kind <kind>",
      "paid; refund where it stands for money given back; promotional",
      "paid",
    )
    .option("--promotional", "given for nothing: a discount before tax, like --kind promotional")
    .option("--currency <code>", "the client's where left out")
    .option("--effective-on <day>", "first day on which it may be used; now where left out")
    .option("--expires-on <day>", "day at whose beginning it expires; never where left out")
    .option("--priority <number>", "0 to 100, lower is used first", Number)
    .option("--metric <name...>", "for lines of these metrics alone")
    .option("--model <name...>", "for lines of these models alone")
    .option("--agent <name...>", "for lines of these agents alone")
    .option("--cost <amount>", "price paid for all of it, in minor units", Number)
    .option("--method <name>", "how it was paid, like bank")
    .option("--note <text>", "note that the client may read")
    .option("--json", "print JSON")
    .action(async (client, amount_minor, options) => {
      const billing = connect();
      const client_id = await clientId(billing, client);
      const { json, promotional, effectiveOn, expiresOn, metric, model, agent, cost, ...rest } =
        options;
      const body = {
        ...rest,
        ...promotional ? { kind: "promotional" } : {},
        amount_minor,
        effective_on: effectiveOn,
        expires_on: expiresOn,
        metrics: metric,
        models: model,
        agents: agent,
        cost_minor: cost,
      };
      const made = await dataOf(billing(grantCredit, { params: { client_id }, body }));
      show(terminal, json, json ? made : withMoney(made), COLUMNS);
    });
}

function withMoney<Grant extends { currency: string; amount_minor: number; left_minor: number }>(
  grant: Grant,
) {
  const { currency, amount_minor, left_minor } = grant;
  return { ...grant, amount: money(amount_minor, currency), left: money(left_minor, currency) };
}
