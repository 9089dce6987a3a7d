/**
 * The language the worked cases are written in: what happens to a client, step by step, and what
 * the books must say at the end. Amounts to be checked are minor units (cents); amounts that go in
 * are decimal strings in major units, as in the tables.
 */

/** One worked case. Expectations are derived by hand; `because` shows the arithmetic. */
export interface Case {
  /** What is guaranteed. */
  readonly name: string;
  /** The arithmetic behind the expectation. */
  readonly because: string;
  readonly steps: readonly Step[];
  /** The books at the end, as `describeBooks` writes them. */
  readonly books: readonly string[];
  /** False where another run is meant to change the books (a draft by hand becomes final). */
  readonly settles?: false;
}

export type Json = string | number | boolean | null | readonly Json[] | {
  readonly [key: string]: Json;
};
export type Row = Readonly<Record<string, Json>>;

/** What is said of a grant of credit beside its amount. */
export interface GrantTerms {
  /** Paid, unless said otherwise. */
  readonly kind?: "paid" | "promotional";
  readonly metrics?: readonly string[];
  readonly models?: readonly string[];
  readonly agents?: readonly string[];
  readonly priority?: number;
  /** The client-local day at whose beginning it expires. */
  readonly expires_on?: string;
}

/** What can happen. Clients are named by a letter, invoices by their number in the case. */
export type Step =
  | { readonly do: "client"; readonly key: string; readonly client: Row; readonly config: Row }
  | { readonly do: "log"; readonly key: string | null; readonly log: Row }
  | {
    readonly do: "correct";
    readonly key: string;
    readonly at: string;
    readonly count: number;
    readonly metric: "web_searches" | "units";
  }
  | { readonly do: "retract"; readonly log: string }
  | { readonly do: "change"; readonly key: string; readonly set: Row }
  | { readonly do: "config"; readonly key: string | null; readonly from: string; readonly row: Row }
  | { readonly do: "price"; readonly key: string | null; readonly row: Row }
  | {
    readonly do: "mend";
    readonly what: "prices" | "billing_config";
    readonly key: string;
    readonly set: Row;
  }
  | { readonly do: "item"; readonly key: string; readonly row: Row }
  | { readonly do: "assign"; readonly agent: string; readonly key: string | null }
  | { readonly do: "model"; readonly row: Row }
  | { readonly do: "list"; readonly from: string | null; readonly row: Row }
  | { readonly do: "end_default"; readonly on: string }
  | { readonly do: "end_service"; readonly key: string; readonly on: string }
  | { readonly do: "start_service"; readonly key: string; readonly on: string }
  | {
    readonly do: "subscription";
    readonly key: string;
    readonly at: string;
    readonly says: Row;
  }
  | { readonly do: "at"; readonly at: string }
  | { readonly do: "setting"; readonly set: Row }
  | { readonly do: "run"; readonly at: string }
  | { readonly do: "void"; readonly invoice: number; readonly at: string }
  | { readonly do: "regenerate"; readonly invoice: number; readonly at: string }
  | { readonly do: "one_off"; readonly key: string; readonly at: string }
  | { readonly do: "write_off"; readonly invoice: number; readonly at: string }
  | { readonly do: "pay"; readonly invoice: number; readonly amount: number; readonly at: string }
  | {
    readonly do: "credit";
    readonly invoice: number;
    readonly amount: number | null;
    readonly refund: boolean;
    readonly at: string;
  }
  | {
    readonly do: "grant";
    readonly key: string;
    readonly amount: number;
    readonly at: string;
    readonly terms: GrantTerms;
  }
  | {
    readonly do: "top_up";
    readonly key: string;
    readonly amount: number;
    readonly at: string;
    readonly days: number | null;
  }
  | { readonly do: "refused"; readonly code: string; readonly step: Step };

/** A client since 1 June 2026 without minimum, unless said otherwise. */
export function client(key: string, config: Row = {}, row: Row = {}): Step {
  return {
    do: "client",
    key,
    client: { name: key, started_on: "2026-06-01", ...row },
    config: { minimum_minor: 0, ...config },
  };
}

/** A call of client `key` (null: the log does not say whose it is). */
export function log(key: string | null, at: string, row: Row): Step {
  return {
    do: "log",
    key,
    // It arrives when it happens, also in years to come.
    log: {
      agent: "AGENT",
      model: "claude-sonnet-4-20250514",
      timestamp: at,
      created_at: at,
      ...row,
    },
  };
}

/** Web searches at one cent each (default list): the simplest usage there is. */
export function searches(key: string | null, at: string, count: number, row: Row = {}): Step {
  return log(key, at, { web_searches: count, ...row });
}

/**
 * Corrects client `key`'s logs of that month by `count` searches, or units: those of the day first,
 * each down to 0 at most.
 */
export function correct(
  key: string,
  at: string,
  count: number,
  metric: "web_searches" | "units" = "web_searches",
): Step {
  return { do: "correct", key, at, count, metric };
}

/** Units of a feature called `units`, which has no price of its own. */
export function units(key: string, at: string, count: number, row: Row = {}): Step {
  return log(key, at, { other_features: { units: count }, ...row });
}

/** A price of `units` for client `key`. */
export function unitPrice(key: string, row: Row): Step {
  return { do: "price", key, row: { metric: "units", ...row } };
}

export function price(key: string | null, row: Row): Step {
  return { do: "price", key, row };
}

/** Changes in place what stands for client `key`: its prices, or its config. */
export function mend(what: "prices" | "billing_config", key: string, set: Row): Step {
  return { do: "mend", what, key, set };
}

export function run(at: string): Step {
  return { do: "run", at };
}

export function item(key: string, day: string, amount: string, row: Row = {}): Step {
  return {
    do: "item",
    key,
    row: { description: "Set-up", unit_amount: amount, currency: "USD", item_day: day, ...row },
  };
}

export function credit(
  invoice: number,
  amount: number | null,
  at: string,
  refund = false,
): Step {
  return { do: "credit", invoice, amount, refund, at };
}

export function pay(invoice: number, amount: number, at: string): Step {
  return { do: "pay", invoice, amount, at };
}

/** Credit that the client buys: invoiced at `at`, for so many days from its payment. */
export function topUp(key: string, at: string, amount: number, days: number | null = null): Step {
  return { do: "top_up", key, amount, at, days };
}

/** Top-ups from now on are taxed when they are bought. */
export const taxedOnPurchase: Step = { do: "setting", set: { top_up_tax: "on_purchase" } };

/** Credit that the client has paid at `at`. */
export function grant(key: string, at: string, amount: number, terms: GrantTerms = {}): Step {
  return { do: "grant", key, amount, at, terms };
}

/** Credit that the client is given for nothing at `at`. */
export function promotion(key: string, at: string, amount: number, terms: GrantTerms = {}): Step {
  return grant(key, at, amount, { kind: "promotional", ...terms });
}

/** Stripe says at `at` that the subscription `id` of the client is in `status`. */
export function subscription(key: string, at: string, id: string, status: string, row: Row = {}) {
  const says = { id, status, livemode: false, currency: "usd", items: { data: [] }, ...row };
  return { do: "subscription", key, at, says } as const;
}

/** Seconds since 1970, as Stripe writes instants. */
export function epoch(at: string): number {
  return Date.parse(at) / 1000;
}

/** The step must be refused with this error code (or SQLSTATE); the case goes on. */
export function refused(code: string, step: Step): Step {
  return { do: "refused", code, step };
}
