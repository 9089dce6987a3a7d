/** A Stripe, our books, clients of different currencies, and a clock that both go by. */
import type { Sql } from "postgres";
import { stripePorts } from "../../../supabase/functions/_shared/stripe/open.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { startStripe, type StripeStandIn } from "../../standins/stripe/server.ts";

const KEY = "sk_test_dance";
/** Hours ago that a dance begins: its clock runs faster than ours and must not pass it. */
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
}

const CLIENTS = [
  { name: "Ada", currency: "USD", exponent: 2, unit: 1 },
  { name: "Bo", currency: "JPY", exponent: 0, unit: 1 },
  { name: "Cyd", currency: "KWD", exponent: 3, unit: 10 },
];

/** Makes the world in a database that nothing is in, uses it, and stops its Stripe. */
export async function inDanceWorld<T>(
  sql: Sql,
  use: (world: DanceWorld) => Promise<T>,
): Promise<T> {
  let seconds = Math.floor(Date.now() / 1000) - HOURS_AGO * 3600;
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
    return await use({
      sql,
      stripe,
      ports: { ...ports, now },
      clients: await makeClients(sql),
      now,
      pass: (more) => {
        seconds += more;
      },
    });
  } finally {
    await stripe.stop();
  }
}

async function makeClients(sql: Sql): Promise<DanceClient[]> {
  const made = [];
  for (const client of CLIENTS) {
    const [row] = await sql<{ id: string }[]>`
      insert into public.clients (name, email, started_on)
      values (${client.name}, ${`${client.name.toLowerCase()}@example.com`}, current_date - 40)
      returning id`;
    if (row === undefined) throw new Error(`no client ${client.name}`);
    await sql`
      insert into public.billing_config (client_id, currency)
      values (${row.id}, ${client.currency})`;
    made.push({ ...client, id: row.id });
  }
  return made;
}
