import { type Command, InvalidArgumentError } from "commander";
import {
  acceptPriceProposal,
  listModels,
  listPriceProposals,
  listPriceSources,
  refusePriceProposal,
  resolveModel,
  setPricePolicy,
  syncListPrices,
  updatePriceSource,
} from "../shared/api/catalogue.ts";
import { type Catalogue, SourceUnreadable } from "../shared/catalogue/list-price.ts";
import { SNAPSHOT_FETCHED_AT, snapshotUrl, unpacked } from "../shared/catalogue/snapshot.ts";
import { PRICE_SOURCES, type PriceSource, readSource } from "../shared/catalogue/sources.ts";
import { hashOf, syncBatches } from "../shared/catalogue/sync-batches.ts";
import type { BillingClient } from "../shared/client/billing-client.ts";
import { fetchPriceSource } from "../supabase/functions/deliver/outbound/price-source.ts";
import type { BillingPorts } from "./billing-ports.ts";
import { CommandFailed } from "./command-line.ts";
import { allPages, dataOf } from "./connection.ts";
import { show } from "./show.ts";

/** What a request takes: a batch stays below the bytes that the API reads. */
const MODELS_AT_ONCE = 100;

/** `models`, `prices sync`, `prices sources`, `proposals`: the catalogue of list prices. */
export function catalogueCommands(program: Command, prices: Command, ports: BillingPorts): void {
  modelCommand(program, ports);
  syncCommand(prices, ports);
  sourceCommands(prices, ports);
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
      if (search === undefined || models.length > 0) return;
      const { data } = await dataOf(billing(resolveModel, { query: { id: search } }));
      if (data.length > 0) terminal.error(`${search} is not known; it may mean:`);
      show(terminal, false, data, ["model", "provider", "how"]);
    });
}

function syncCommand(prices: Command, { connect, terminal, progress }: BillingPorts): void {
  prices.command("sync")
    .description("Compare a source of list prices with the catalogue; differences are proposed")
    .option("--file <path>", "the source's text, packed by gzip or not")
    .option(
      "--source <source>",
      "litellm, openrouter or models.dev; fetched unless there is a --file. Without both: the map " +
        "of LiteLLM that ships",
      sourceOf,
    )
    .option("--json", "print JSON")
    .action(async ({ json, file, source }) => {
      const billing = connect();
      const name: PriceSource = source ?? "litellm";
      const read = await readable(() => sourceText(billing, file, source), terminal.error);
      const catalogue = await readable(() => readSource(name, read.text), terminal.error);
      const sha256 = await hashOf(read.text);
      const total = catalogue.models.length;
      const sums = await progress.step(`${total} models`, async () => {
        const done = { new_models: 0, new_prices: 0, proposals: 0 };
        for (const models of syncBatches(catalogue, MODELS_AT_ONCE)) {
          const body = { source: name, sha256, fetched_at: read.fetchedAt, total, models };
          const some = await dataOf(billing(syncListPrices, { body }));
          done.new_models += some.new_models;
          done.new_prices += some.new_prices;
          done.proposals += some.proposals;
        }
        return [`${done.new_models} new, ${done.proposals} proposals`, done];
      });
      show(terminal, json, json ? sums : [sums], ["new_models", "new_prices", "proposals"]);
      for (const line of unreadOf(catalogue)) terminal.error(line);
    });
}

function unreadOf({ models, skipped }: Catalogue): readonly string[] {
  return [
    ...models.filter(({ inexpressible }) => inexpressible.length > 0)
      .map(({ id, inexpressible }) => `${id}: not read: ${inexpressible.join(", ")}`),
    ...skipped.map(({ id, reason }) => `${id}: left out: ${reason}`),
  ];
}

/** The text of a file, of a source where it is fetched, or of the map that ships. */
async function sourceText(
  billing: BillingClient,
  file: string | undefined,
  source: PriceSource | undefined,
): Promise<{ readonly text: string; readonly fetchedAt: string }> {
  const fetchedAt = new Date().toISOString();
  if (file !== undefined) return { text: await unpacked(await Deno.readFile(file)), fetchedAt };
  if (source === undefined) {
    return {
      text: await unpacked(await Deno.readFile(snapshotUrl)),
      fetchedAt: SNAPSHOT_FETCHED_AT,
    };
  }
  const { data } = await dataOf(billing(listPriceSources, {}));
  const found = data.find(({ id }) => id === source);
  if (found === undefined) throw new SourceUnreadable(`${source} has no address`);
  return { text: (await fetchPriceSource(found.url)).text, fetchedAt };
}

async function readable<T>(read: () => T | Promise<T>, tell: (line: string) => void): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof SourceUnreadable)) throw error;
    tell(`The list prices cannot be read: ${error.message}. Nothing was changed.`);
    throw new CommandFailed();
  }
}

function sourceOf(value: string): PriceSource {
  const source = PRICE_SOURCES.find((one) => one === value);
  if (source === undefined) throw new InvalidArgumentError(PRICE_SOURCES.join(", "));
  return source;
}

function sourceCommands(prices: Command, { connect, terminal }: BillingPorts): void {
  const columns = ["id", "enabled", "models", "read_at", "problem", "url"];
  prices.command("sources").description("Sources of list prices, and how each is doing")
    .option("--json", "print JSON")
    .action(async ({ json }) => {
      const { data } = await dataOf(connect()(listPriceSources, {}));
      show(terminal, json, data, columns);
    });
  prices.command("source").description("Switch the daily fetching of a source on or off")
    .argument("<source>", PRICE_SOURCES.join(", "), sourceOf)
    .option("--on", "fetch it daily").option("--off", "do not")
    .option("--url <url>", "where it is")
    .option("--json", "print JSON")
    .action(async (source, { on, off, url, json }) => {
      const enabled = on === true ? true : off === true ? false : undefined;
      const done = await dataOf(
        connect()(updatePriceSource, { params: { source }, body: { enabled, url } }),
      );
      show(terminal, json, json ? done : [done], columns);
    });
  prices.command("policy")
    .description("Say whether prices that sell by list price follow it, or wait for a decision")
    .argument("<policy>", "decide or follow", policyOf)
    .option("--client <client>", "of a client's own prices; the default list where left out")
    .option("--json", "print JSON")
    .action(async (policy, { client, json }) => {
      const body = { policy, client_id: client };
      const done = await dataOf(connect()(setPricePolicy, { body }));
      show(terminal, json, json ? done : [done], ["client_id", "policy"]);
    });
}

function policyOf(value: string) {
  const policy = setPricePolicy.body.shape.policy.safeParse(value);
  if (!policy.success) throw new InvalidArgumentError("decide or follow");
  return policy.data;
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
