/** Tests of single orders in the world of the dance. */
import { strictEqual } from "node:assert/strict";
import { stripeClient } from "../../standins/stripe/client.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { actOnEvents } from "../../../supabase/functions/_shared/stripe/events.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { withCopies } from "../stripe-dance/copies.ts";
import { HERE } from "../stripe-dance/here.ts";
import type { Kind } from "../stripe-dance/moves.ts";
import { type DanceWorld, inDanceWorld, KEY } from "../stripe-dance/world.ts";
import { platform } from "../support/platform-env.ts";

/**
 * A test in a world in a database of its own. It is about requests and what is stored between them:
 * one engine tells as much as two.
 */
export function inWorld(name: string, work: (world: DanceWorld) => Promise<void>): void {
  if (platform.engine !== "embedded") return;
  Deno.test(
    name,
    () => withCopies(platform.engine, (copy) => copy((sql) => inDanceWorld(sql, work))),
  );
}

/** Issues an invoice to a client and brings it to Stripe; its id. */
export async function issued(
  { sql, clients, ports, now }: DanceWorld,
  amount: number,
  who = 0,
): Promise<string> {
  const { id: client = null, currency = "", exponent = 0 } = clients[who] ?? {};
  const [invoice] = await sql<{ id: string }[]>`
    with made as (
      insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
      values (${client}, 'Work', ${amount}::numeric / 10::numeric ^ ${exponent}::int, ${currency},
        current_date - 1)
      returning id)
    select billing.create_one_off_invoice(array(select id from made), ${now()}) as id`;
  const id = invoice?.id ?? "";
  await sql`select billing.finalize_invoice(${id}, ${now()})`;
  strictEqual((await deliverInvoice(id, ports)).kind, "done");
  return id;
}

/**
 * Ports whose requests are made once: a rate limit lasts as long as all tries of one. A proxy before
 * Stripe may say in how many seconds to come back.
 */
export function withoutRetries({ ports, stripe }: DanceWorld, retryAfter?: number): StripePorts {
  const request = async (input: URL | RequestInfo, init?: RequestInit) => {
    const answer = await fetch(input, init);
    if (answer.status !== 429 || retryAfter === undefined) return answer;
    const headers = new Headers(answer.headers);
    headers.set("retry-after", String(retryAfter));
    return new Response(answer.body, { status: 429, headers });
  };
  return { ...ports, stripe: stripeClient(KEY, stripe.url, { maxNetworkRetries: 0, request }) };
}

/** One move of ours for the first client or invoice. */
export const here = (world: DanceWorld, kind: Kind, b = 0) =>
  HERE[kind]?.(world, { kind, who: 0, a: 0, b });

/** Acts on these events of Stripe, or on all, as if it had sent no others. */
export async function hear(
  { sql, stripe, ports }: DanceWorld,
  ...types: string[]
): Promise<string[]> {
  for (const event of stripe.webhooks.held.splice(0)) {
    if (types.length === 0 || types.includes(event.type)) {
      await ports.store.receiveEvent(JSON.stringify(event));
    }
  }
  await sql`update billing.stripe_events set due_at = now() where state = 'pending'`;
  await actOnEvents(ports);
  const rows = await sql<{ said: string }[]>`
    select type || ' ' || state as said from billing.stripe_events order by id`;
  return rows.map(({ said }) => said);
}
