import type { Command } from "commander";
import {
  getAutoRecharge,
  listTopUps,
  requestTopUp,
  setAutoRecharge,
} from "../shared/api/top-ups.ts";
import type { BillingClient } from "../shared/client/billing-client.ts";
import { clientId } from "./client-id.ts";
import type { Terminal } from "./command-line.ts";
import { allPages, dataOf } from "./connection.ts";
import { money } from "./money.ts";
import { show } from "./show.ts";

interface Ports {
  readonly connect: () => BillingClient;
  readonly terminal: Terminal;
}

const COLUMNS = ["state", "origin", "amount", "requested_at", "invoice_number", "payment_url"];
const TERMS = ["threshold", "target", "amount", "monthly_cap", "expires_after_days", "paused"];

/** `credits top-up|top-ups|recharge`: credit that clients buy, and when it is bought by itself. */
export function topUpCommands(credits: Command, { connect, terminal }: Ports): void {
  credits.command("top-up")
    .description("Invoice credit that a client buys; granted when the invoice is paid")
    .argument("<client>", "id or external id")
    .argument("<amount>", "in minor units: 10000 is 100.00 USD", Number)
    .requiredOption("--reference <text>", "the same reference is one top-up")
    .option("--currency <code>", "the client's where left out")
    .option("--expires-after-days <days>", "days after the payment; never where left out", Number)
    .option("--note <text>", "note that the client may read")
    .option("--json", "print JSON")
    .action(async (client, amount_minor, options) => {
      const billing = connect();
      const client_id = await clientId(billing, client);
      const { json, expiresAfterDays, ...rest } = options;
      const body = { ...rest, amount_minor, expires_after_days: expiresAfterDays };
      const made = await dataOf(billing(requestTopUp, { params: { client_id }, body }));
      show(terminal, json, json ? made : withMoney(made), COLUMNS);
    });
  credits.command("top-ups").description("Credit that a client has bought, the newest first")
    .argument("<client>", "id or external id")
    .option("--json", "print JSON")
    .action(async (client, { json }) => {
      const billing = connect();
      const client_id = await clientId(billing, client);
      const data = await allPages((cursor) =>
        dataOf(billing(listTopUps, { params: { client_id }, query: { cursor, limit: 200 } }))
      );
      show(terminal, json, json ? data : data.map(withMoney), COLUMNS);
    });
  rechargeCommand(credits, { connect, terminal });
}

function rechargeCommand(credits: Command, { connect, terminal }: Ports): void {
  credits.command("recharge")
    .description("When a client's credit is topped up by itself; says what holds without options")
    .argument("<client>", "id or external id")
    .option("--threshold <amount>", "topped up below this live balance, in minor units", Number)
    .option("--target <amount>", "up to this live balance", Number)
    .option("--amount <amount>", "or by this amount each time", Number)
    .option("--monthly-cap <amount>", "at most this in a calendar month", Number)
    .option("--currency <code>", "the client's where left out")
    .option("--expires-after-days <days>", "days after the payment; never where left out", Number)
    .option("--paused", "make no recharge until this is said again without it")
    .option("--json", "print JSON")
    .action(async (client, options) => {
      const billing = connect();
      const client_id = await clientId(billing, client);
      const { json, threshold, monthlyCap } = options;
      const params = { client_id };
      const terms = threshold === undefined || monthlyCap === undefined
        ? await dataOf(billing(getAutoRecharge, { params }))
        : await dataOf(billing(setAutoRecharge, {
          params,
          body: {
            threshold_minor: threshold,
            monthly_cap_minor: monthlyCap,
            target_minor: options.target,
            amount_minor: options.amount,
            currency: options.currency,
            expires_after_days: options.expiresAfterDays,
            paused: options.paused ?? false,
          },
        }));
      const shown = (minor: number | null) => minor === null ? null : money(minor, terms.currency);
      const row = {
        ...terms,
        threshold: shown(terms.threshold_minor),
        target: shown(terms.target_minor),
        amount: shown(terms.amount_minor),
        monthly_cap: shown(terms.monthly_cap_minor),
      };
      show(terminal, json, json ? terms : row, TERMS);
    });
}

function withMoney<TopUp extends { currency: string; amount_minor: number }>(topUp: TopUp) {
  return { ...topUp, amount: money(topUp.amount_minor, topUp.currency) };
}
