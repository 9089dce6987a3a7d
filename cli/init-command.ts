import type { Command } from "commander";
import { z } from "zod";
import { createAgentKey } from "../shared/api/agent-keys.ts";
import { createClientRoute, listClients } from "../shared/api/clients.ts";
import { previewInvoice } from "../shared/api/invoices.ts";
import { createAssignment, createPrice } from "../shared/api/terms.ts";
import type { BillingClient } from "../shared/client/billing-client.ts";
import type { Terminal } from "./command-line.ts";
import { dataOf } from "./connection.ts";
import { showDocument } from "./show-document.ts";

/** What the seller is called on invoices; columns of `billing_settings`. */
export interface Seller {
  readonly seller_name: string;
  readonly seller_address: string[];
  readonly seller_email: string | null;
  readonly payment_instructions: string | null;
}

/** What `init` is given from outside. */
export interface InitPorts {
  readonly connect: () => BillingClient;
  readonly terminal: Terminal;
  /** Asks and returns the answer, without white space at its ends; null where input has ended. */
  readonly ask: (question: string) => Promise<string | null>;
  readonly saveSeller: (seller: Seller) => Promise<void>;
  readonly today: () => Date;
}

interface Question {
  readonly text: string;
  /** Taken for an empty answer. */
  readonly otherwise: string;
  /** What an answer must be; the message is shown and the question asked again. */
  readonly shape: z.ZodType<string>;
}

const email = z.union([z.literal(""), z.string().regex(/^[^@\s]+@[^@\s]+$/, "an e-mail address")]);
const amount = z.string().regex(/^\d{1,9}(\.\d{1,12})?$/, "an amount like 3.00");
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, "a day like 2026-06-01");
const something = z.string().min(1, "something");
const anything = z.string();

/** The default list's prices, so that only another answer makes a price of the client's own. */
const PRICES = [
  {
    key: "sonnet_input",
    family: "claude-sonnet",
    metric: "input_tokens",
    per: 1_000_000,
    list: "3.00",
  },
  {
    key: "sonnet_output",
    family: "claude-sonnet",
    metric: "output_tokens",
    per: 1_000_000,
    list: "15.00",
  },
  { key: "search", family: null, metric: "web_searches", per: 1, list: "0.01" },
] as const;

/** Adds `init`: the first seller, client, price and agent's key, by questions. */
export function initCommand(program: Command, ports: InitPorts): void {
  program.command("init")
    .description("Set up by questions: seller, bank, first client, its prices, its agent's key")
    .action(async () => {
      const answers = await askAll(ports);
      if (answers === null) return ports.terminal.out("Nothing was changed.");
      await setUp(answers, ports);
    });
}

type Answers = Readonly<Record<string, string>>;

/** Everything is asked before anything is written; null where the last answer is no. */
async function askAll(ports: InitPorts): Promise<Answers | null> {
  const firstOfMonth = `${ports.today().toISOString().slice(0, 7)}-01`;
  const answers: Record<string, string> = {};
  const questions: Readonly<Record<string, Question | ((so: Answers) => Question)>> = {
    seller: { text: "Your name or company, as on invoices", otherwise: "", shape: something },
    seller_address: { text: "Your address, lines separated by ;", otherwise: "", shape: anything },
    seller_email: { text: "Your e-mail address", otherwise: "", shape: email },
    bank: {
      text: "Bank details for transfers, as printed on invoices",
      otherwise: "",
      shape: anything,
    },
    client: { text: "First client: its name", otherwise: "", shape: something },
    external_id: (so) => ({
      text: "The id that your agents and systems call it by",
      otherwise: slugOf(so.client ?? ""),
      shape: something,
    }),
    client_email: { text: "Where its invoices are mailed to", otherwise: "", shape: email },
    started_on: {
      text: "First day that is billed",
      otherwise: firstOfMonth,
      shape: day,
    },
    sonnet_input: price("USD per 1M input tokens of Claude Sonnet", "3.00"),
    sonnet_output: price("USD per 1M output tokens of Claude Sonnet", "15.00"),
    search: price("USD per web search", "0.01"),
    agent: { text: "The agent that works for it", otherwise: "SCHOLAR", shape: something },
    sure: { text: "Set this up? yes or no", otherwise: "yes", shape: z.enum(["yes", "no"]) },
  };
  for (const [key, question] of Object.entries(questions)) {
    const asked = typeof question === "function" ? question(answers) : question;
    answers[key] = await askOne(asked, ports);
  }
  return answers.sure === "yes" ? answers : null;
}

function price(text: string, otherwise: string): Question {
  return { text: `${text} (all others by the default list)`, otherwise, shape: amount };
}

async function askOne({ text, otherwise, shape }: Question, ports: InitPorts): Promise<string> {
  for (;;) {
    const given = await ports.ask(otherwise === "" ? `${text}: ` : `${text} [${otherwise}]: `);
    if (given === null) throw new Error("the answers have ended before the questions");
    const { data, error } = shape.safeParse(given === "" ? otherwise : given);
    if (error === undefined) return data;
    ports.terminal.error(`Please give ${error.issues[0]?.message ?? "another answer"}.`);
  }
}

function slugOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}

async function setUp(answers: Answers, { connect, terminal, saveSeller }: InitPorts) {
  const billing = connect();
  const external_id = answers.external_id ?? "";
  const { data: [there] } = await dataOf(
    billing(listClients, { query: { external_id, limit: 1 } }),
  );
  if (there !== undefined) throw new Error(`there is a client ${external_id} already`);
  await saveSeller({
    seller_name: answers.seller ?? "",
    seller_address: (answers.seller_address ?? "").split(";").map((line) => line.trim())
      .filter((line) => line !== ""),
    seller_email: answers.seller_email || null,
    payment_instructions: answers.bank || null,
  });
  const client = await dataOf(billing(createClientRoute, {
    body: {
      name: answers.client ?? "",
      external_id,
      email: answers.client_email || null,
      started_on: answers.started_on,
    },
  }));
  for (const { key, family, metric, per, list } of PRICES) {
    const unit_amount = answers[key] ?? list;
    if (Number(unit_amount) === Number(list)) continue;
    await dataOf(billing(createPrice, {
      body: { client_id: client.id, family, metric, unit_amount, per_units: String(per) },
    }));
  }
  const agent = answers.agent ?? "";
  await dataOf(billing(createAssignment, { body: { agent, client_id: client.id } }));
  const { token } = await dataOf(billing(createAgentKey, {
    body: {
      name: `${agent} of ${external_id}`,
      kind: "token",
      agent,
      client_ids: [client.id],
      // The month before may still be logged.
      max_age: "62 days",
    },
  }));
  terminal.out(`\n${client.name} is client ${external_id}, billed from ${client.started_on} on.`);
  terminal.out(`Its agent ${agent} logs with this key, which is shown this once:\n`);
  terminal.out(`export AGENT_KEY=${token}\n`);
  await showPreview(billing, client.id, client.started_on, terminal);
}

async function showPreview(billing: BillingClient, id: string, day: string, terminal: Terminal) {
  const { document } = await dataOf(
    billing(previewInvoice, { body: { client_id: id, day } }),
  );
  terminal.out("Its first invoice, as it would be now:");
  if (document === null) terminal.out("Nothing to invoice.");
  else showDocument(terminal, document);
}
