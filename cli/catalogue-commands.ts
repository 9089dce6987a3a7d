import { type Command, InvalidArgumentError } from "commander";
import {
  acceptPriceProposal,
  listModels,
  listPriceProposals,
  refusePriceProposal,
  syncListPrices,
} from "../shared/api/catalogue.ts";
import { parseLitellm } from "../shared/catalogue/litellm.ts";
import { SourceUnreadable } from "../shared/catalogue/list-price.ts";
import { SNAPSHOT_FETCHED_AT, snapshotUrl, unpacked } from "../shared/catalogue/snapshot.ts";
import { hashOf, syncBatches } from "../shared/catalogue/sync-batches.ts";
import type { BillingPorts } from "./billing-ports.ts";
import { CommandFailed } from "./command-line.ts";
import { allPages, dataOf } from "./connection.ts";
import { show } from "./show.ts";

/** What a request takes: a batch stays below the bytes that the API reads. */
const MODELS_AT_ONCE = 100;

/** `models`, `prices sync`, `proposals`: the catalogue of list prices. */
export function catalogueCommands(program: Command, prices: Command, ports: BillingPorts): void {
  modelCommand(program, ports);
  syncCommand(prices, ports);
  proposalCommands(program, ports);
}

function modelCommand(program: Command, { connect, terminal }: BillingPorts): void {
  program.command("models").description("Models of the catalogue and their list prices of today")
    .argument("[search]", "a part of the id")
    .option("--provider <provider>", "of one provider")
    .option("--json", "print JSON")
    .action(async (search, { json, provider }) => {
      const billing = connect();
      const models = await allPages((cursor) =>
        dataOf(billing(listModels, { query: { cursor, limit: 200, search, provider } }))
      );
      if (json) return show(terminal, json, models, []);
      const rows = models.flatMap(({ id, prices }) =>
        prices.map((price) => ({ model: id, ...price }))
      );
      show(terminal, false, rows, ["model", "metric", "rate_class", "amount", "effective_from"]);
    });
}

function syncCommand(prices: Command, { connect, terminal, progress }: BillingPorts): void {
  prices.command("sync")
    .description("Compare LiteLLM's price map with the catalogue; differences are proposed")
    .option("--file <path>", "the map, packed by gzip or not; the one that ships where left out")
    .option("--json", "print JSON")
    .action(async ({ json, file }) => {
      const text = await unpacked(await Deno.readFile(file ?? snapshotUrl));
      const catalogue = readMap(text, terminal.error);
      const sha256 = await hashOf(text);
      const fetched_at = file === undefined ? SNAPSHOT_FETCHED_AT : new Date().toISOString();
      const billing = connect();
      const total = catalogue.models.length;
      const sums = await progress.step(`${total} models`, async () => {
        const done = { new_models: 0, new_prices: 0, proposals: 0 };
        for (const models of syncBatches(catalogue, MODELS_AT_ONCE)) {
          const body = { source: "litellm" as const, sha256, fetched_at, total, models };
          const some = await dataOf(billing(syncListPrices, { body }));
          done.new_models += some.new_models;
          done.new_prices += some.new_prices;
          done.proposals += some.proposals;
        }
        return [`${done.new_models} new, ${done.proposals} proposals`, done];
      });
      show(terminal, json, json ? sums : [sums], ["new_models", "new_prices", "proposals"]);
      for (const { id, inexpressible } of catalogue.models) {
        if (inexpressible.length > 0) {
          terminal.error(`${id}: not read: ${inexpressible.join(", ")}`);
        }
      }
    });
}

function readMap(text: string, tell: (line: string) => void) {
  try {
    return parseLitellm(text);
  } catch (error) {
    if (!(error instanceof SourceUnreadable)) throw error;
    tell(`The price map cannot be read: ${error.message}. Nothing was changed.`);
    throw new CommandFailed();
  }
}

function proposalCommands(program: Command, { connect, terminal }: BillingPorts): void {
  const columns = ["id", "kind", "model", "metric", "rate_class", "old_amount", "new_amount"];
  const proposals = program.command("proposals")
    .description("List price proposals: changed list prices and models without a price")
    .option("--state <state>", "open, accepted, refused or superseded", stateOf, "open")
    .option("--json", "print JSON")
    .action(async ({ json, state }) => {
      const billing = connect();
      const all = await allPages((cursor) =>
        dataOf(billing(listPriceProposals, { query: { cursor, limit: 200, state } }))
      );
      if (json) return show(terminal, json, all, []);
      const rows = all.map((one) => ({ ...one, clients: one.effects.length }));
      show(terminal, false, rows, [...columns, "clients", "message"]);
    });
  proposals.command("accept").description("Put it in force; a new model is sold at its list prices")
    .argument("<id>").argument("<reason>")
    .option("--first-day <YYYY-MM-DD>", "from which day on")
    .option("--markup <percent>", "on the list prices of a new model")
    .option("--json", "print JSON")
    .action(async (proposal_id, reason, { firstDay, markup, json }) => {
      const body = { reason, first_day: firstDay, markup_percent: markup };
      const done = await dataOf(connect()(acceptPriceProposal, { params: { proposal_id }, body }));
      show(terminal, json, json ? done : [done], [...columns, "state"]);
    });
  proposals.command("refuse").description("Leave prices as they are")
    .argument("<id>").argument("<reason>")
    .option("--json", "print JSON")
    .action(async (proposal_id, reason, { json }) => {
      const done = await dataOf(
        connect()(refusePriceProposal, { params: { proposal_id }, body: { reason } }),
      );
      show(terminal, json, json ? done : [done], [...columns, "state"]);
    });
}

function stateOf(value: string) {
  const state = listPriceProposals.query.shape.state.safeParse(value);
  if (!state.success) throw new InvalidArgumentError("open, accepted, refused or superseded");
  return state.data;
}
