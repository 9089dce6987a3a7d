import type { Sql } from "postgres";
import { uuidOf } from "../test/support/random.ts";
import { FIRST_DAY } from "./calendar.ts";

/** A client of the books under torture. Names are single words: facts about charges begin so. */
export interface CastClient {
  readonly name: string;
  readonly agents: readonly string[];
  /** Whether one-off items may be put on its invoices: they must not meet a tax. */
  readonly takesItems: boolean;
  readonly client?: Record<string, unknown>;
  readonly config?: Record<string, unknown>;
  readonly prices?: readonly Record<string, unknown>[];
}

const vat = { name: "VAT", rate_percent: "20", behavior: "exclusive" };
const tiers = [{ up_to: "500", unit_amount: "0.10", flat_amount: "5" }, { unit_amount: "0.04" }];
const METRICS = [
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
];

/** Each has something that the others do not have. */
export const CAST: readonly [CastClient, ...CastClient[]] = [
  plain("Ada"),
  { ...plain("Bo"), takesItems: false, config: { minimum_minor: 900, taxes: [vat] } },
  {
    ...plain("Cyd"),
    config: { minimum_minor: 0, line_grouping: "agent" },
    prices: [{ metric: "crawls", pricing_model: "graduated", tiers }],
  },
  { ...plain("Dee"), prices: [{ metric: "web_searches", pricing_model: "volume", tiers }] },
  {
    ...plain("Eve"),
    takesItems: false,
    config: { currency: "EUR", minimum_minor: 1500, taxes: [{ ...vat, behavior: "inclusive" }] },
    prices: [
      ...METRICS.map((metric) => ({ metric, unit_amount: "2.5", per_units: "1000000" })),
      ...["web_searches", "crawls"].map((metric) => ({ metric, unit_amount: "0.0125" })),
    ].map((price) => ({ ...price, currency: "EUR" })),
  },
  {
    ...plain("Fay"),
    config: { discount_percent: "7.5" },
    prices: [{ metric: "crawls", pricing_model: "package", unit_amount: "5", per_units: "100" }],
  },
  { ...plain("Gus"), client: { time_zone: "Pacific/Auckland" } },
  { ...plain("Hal"), client: { time_zone: "America/New_York", billing_anchor_day: 15 } },
  { ...plain("Ivy"), config: { grace_hours: 48 } },
  { ...plain("Jon"), config: { grace_hours: 240, minimum_minor: 2000, discount_minor: 150 } },
];

/**
 * Clients to whom happens only what is theirs, and of whom little is heard: a run often begins when
 * all that they have used is counted.
 */
const quiet = (name: string) => ({
  ...plain(name),
  takesItems: false,
  config: { minimum_minor: 0 },
});
/** Log now and then; late calls come while their month is closed. */
export const IDLERS: readonly [CastClient, ...CastClient[]] = [
  quiet("Kit"),
  quiet("Pam"),
  quiet("Ray"),
  quiet("Sue"),
  quiet("Tom"),
  quiet("Uma"),
];
/** Leaves with its subscription and comes back with another. */
export const SUBSCRIBER: CastClient = { ...quiet("Lou"), config: { minimum_minor: 3100 } };
/** Is ended by an operator and comes back. */
export const LEAVER: CastClient = { ...quiet("Mae"), config: { minimum_minor: 6200 } };
/** Has been given credit for more than it owes when its usage is corrected. */
export const OVERPAID: CastClient = {
  ...quiet("Ned"),
  prices: [
    { metric: "web_searches", unit_amount: "0.01" },
    { metric: "crawls", unit_amount: "0.05" },
  ],
};
/** Uses a new model each month, whose family has the price. */
export const MODERN: CastClient = quiet("Oda");
export const QUIET: readonly CastClient[] = [...IDLERS, SUBSCRIBER, LEAVER, OVERPAID, MODERN];
export const EVERYBODY: readonly CastClient[] = [...CAST, ...QUIET];

/** The model of a month, `2024-03-01`, and the families that it may be of. */
export function modelOf(month: string): string {
  return `novel-${month.slice(0, 7)}`;
}
export const FAMILIES: readonly [string, string] = ["novel", "novel-dear"];
/** Months that have a model of their own. */
const MODELS = 36;

/** Agents that are moved from client to client, and some that are nobody's until then. */
export const FLOATING: readonly [string, ...string[]] = ["DRIFTER", "NOMAD", "ROVER"];

export function idOf({ name }: CastClient): string {
  return uuidOf(`torture ${name}`);
}

/** What a history names when a client is concerned: it and those that work for it. */
export function subjectsOf(name: string): string[] {
  const agents = EVERYBODY.find((one) => one.name === name)?.agents ?? [];
  return [`client ${name}`, ...[...agents, ...FLOATING].map((agent) => `agent ${agent}`)];
}

/** Makes the clients, served from the first day on, with their agents, terms and prices. */
export async function bringOnStage(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`select set_config('billing.as_of', ${FIRST_DAY}, true)`;
    const add = async (table: string, row: Record<string, unknown>) => {
      const columns = tx(Object.keys(row));
      await tx`insert into ${tx(`public.${table}`)} (${columns}) select ${columns}
        from jsonb_populate_record(null::${tx(`public.${table}`)},
          ${JSON.stringify(row)}::text::jsonb)`;
    };
    for (const one of EVERYBODY) {
      const client_id = idOf(one);
      const external_id = one.name.toLowerCase();
      const email = `${external_id}@example.test`;
      const started_on = FIRST_DAY;
      await add("clients", {
        id: client_id,
        name: one.name,
        external_id,
        email,
        started_on,
        ...one.client,
      });
      if (one.config !== undefined) await add("billing_config", { client_id, ...one.config });
      for (const price of one.prices ?? []) await add("prices", { client_id, ...price });
      for (const agent of one.agents) await add("agent_assignments", { agent, client_id });
    }
    await add("prices", { metric: "crawls", unit_amount: "0.03" });
    for (const [index, family] of FAMILIES.entries()) {
      for (const metric of METRICS) {
        await add("prices", { family, metric, unit_amount: 3 + index, per_units: 10_000 });
      }
    }
    for (let month = 0; month < MODELS; month++) {
      const first = new Date(Date.UTC(2024, month, 1)).toISOString();
      await add("models", { id: modelOf(first), family: FAMILIES[0], provider: "other" });
    }
    await tx`update public.billing_settings set operator_emails = '{ops@example.test}'`;
    // Random prices are no reason to hold a draft here: 50_invoicing/holds tests that.
    await tx`delete from public.hold_limits`;
  });
}

function plain(name: string): CastClient {
  const agents = [`${name.toUpperCase()}-1`, `${name.toUpperCase()}-2`];
  return { name, agents, takesItems: true };
}
