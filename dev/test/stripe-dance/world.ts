/** A Stripe, our books, clients of different currencies, and a clock that both go by. */
import type { Sql } from "postgres";
import { stripePorts } from "../../../supabase/functions/_shared/stripe/open.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { startStripe, type StripeStandIn } from "../../standins/stripe/server.ts";
import { type History, startHistory } from "./history.ts";

export const KEY = "sk_test_dance";
/** Hours ago that a dance ends: its clock runs faster than ours and must not pass it. */
const HOURS_AGO = 6;

export interface DanceClient {
  readonly id: string;
  readonly name: string;
  readonly currency: string;
  readonly exponent: number;
  /** What all amounts of it are whole multiples of: Stripe takes thousandths in tens. */
  readonly unit: number;
}

export interface DanceWorld {
  readonly sql: Sql;
  readonly stripe: StripeStandIn;
  readonly ports: StripePorts;
  readonly clients: readonly DanceClient[];
  /** The time for what is done here. */
  readonly now: () => Date;
  readonly pass: (seconds: number) => void;
  readonly tally: Tally;
  readonly history: History;
  /** How a delivery's requests go to Stripe. */
  readonly request: typeof fetch;
  /** Deliveries that died, and why. */
  readonly deaths: string[];
}

/** How much of what happened. */
export type Tally =
  & Record<
    "moves" | "came" | "lost" | "doubled" | "unordered" | "late" | "forgotten",
    number
  >
  & {
    /** By currency. */
    readonly invoices: Map<string, number>;
  };

/** How large a world is: three clients, unless it is said, and the seconds that go by in it. */
export interface DanceSize {
  readonly clients: number;
  readonly seconds: number;
}

/** The currencies of clients, in turn. */
export const CURRENCIES = [
  { currency: "USD", exponent: 2, unit: 1 },
  { currency: "JPY", exponent: 0, unit: 1 },
  { currency: "KWD", exponent: 3, unit: 10 },
];
const NAMES = ["Ada", "Bo", "Cyd"];

/** Makes the world in a database that nothing is in, uses it, and stops its Stripe. */
export async function inDanceWorld<T>(
  sql: Sql,
  use: (world: DanceWorld) => Promise<T>,
  size: DanceSize = { clients: NAMES.length, seconds: 0 },
): Promise<T> {
  let seconds = Math.floor(Date.now() / 1000) - HOURS_AGO * 3600 - size.seconds;
  const stripe = startStripe({ secretKey: KEY, now: () => seconds });
  try {
    stripe.webhooks.holding = true;
    const ports = stripePorts({
      STRIPE_API_KEY: KEY,
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: "whsec_dance",
    }, sql);
    if (ports === undefined) throw new Error("Stripe is off");
    const now = () => new Date(seconds * 1000);
    const clients = await makeClients(sql, size.clients);
    return await use({
      sql,
      stripe,
      history: await startHistory(sql, stripe),
      request: fetch,
      ports: { ...ports, now },
      clients,
      now,
      pass: (more) => {
        seconds += more;
      },
      deaths: [],
      tally: {
        invoices: new Map(),
        moves: 0,
        came: 0,
        lost: 0,
        doubled: 0,
        unordered: 0,
        late: 0,
        forgotten: 0,
      },
    });
  } finally {
    await stripe.stop();
  }
}

async function makeClients(sql: Sql, count: number): Promise<DanceClient[]> {
  const made = [];
  for (let place = 0; place < count; place++) {
    const terms = CURRENCIES[place % CURRENCIES.length];
    const name = NAMES[place] ?? `Client ${place}`;
    const [row] = await sql<{ id: string }[]>`
      insert into public.clients (name, email, tax_id, started_on)
      values (${name}, ${`${name.toLowerCase().replace(" ", "-")}@example.com`},
        ${`DE${100_000_000 + place}`}, current_date - 40)
      returning id`;
    if (row === undefined || terms === undefined) throw new Error(`no client ${name}`);
    await sql`
      insert into public.billing_config (client_id, currency)
      values (${row.id}, ${terms.currency})`;
    made.push({ ...terms, name, id: row.id });
  }
  return made;
}
