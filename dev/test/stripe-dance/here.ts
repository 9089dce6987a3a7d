/** Moves of our own people, and of the worker that brings invoices to Stripe. */
import type Stripe from "stripe";
import { stripeClient } from "../../standins/stripe/client.ts";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { pushToStripe } from "../../../supabase/functions/reconcile-stripe/outbox.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import { seededRandom } from "../support/random.ts";
import type { Kind, Move } from "./moves.ts";
import { partOf, pick } from "./pick.ts";
import type { Dancer } from "./there.ts";
import { inTurns } from "./turns.ts";
import { type DanceWorld, KEY } from "./world.ts";

interface Sent {
  readonly id: string;
  readonly number: string;
}

interface Issued extends Sent {
  readonly status: string;
  readonly currency: string;
  readonly due: number;
  /** What is left to credit. */
  readonly left: number;
}

/** A random invoice of ours in one of these states. */
async function pickIssued(
  { sql }: DanceWorld,
  move: Move,
  states: readonly string[],
): Promise<Issued | undefined> {
  const [row] = await sql<Issued[]>`
    select i.id, i.number, i.status, i.currency, i.amount_due_minor::int as due,
      (i.total_minor - coalesce((select sum(n.total_minor) from public.credit_notes n
        where n.invoice_id = i.id and n.voided_at is null), 0))::int as left
    from public.invoices i where i.status = any (${[...states]}::text[])
    order by i.number offset ${move.who} % greatest((
      select count(*) from public.invoices o where o.status = any (${[...states]}::text[])), 1)
    limit 1`;
  return row;
}

async function issue(
  { sql, clients, now, tally }: DanceWorld,
  move: Move,
): Promise<string | undefined> {
  const client = pick(clients, move);
  if (client === undefined) return undefined;
  const minor = client.unit * (500 + move.b % 9000);
  const [item] = await sql<{ id: string }[]>`
    insert into public.invoice_items (client_id, description, unit_amount, currency, item_day)
    values (${client.id}, 'Work', ${minor}::numeric / 10::numeric ^ ${client.exponent}::int,
      ${client.currency}, ${now()}::timestamptz::date - 1) returning id`;
  const [invoice] = await sql<{ id: string }[]>`
    select billing.create_one_off_invoice(array[${item?.id ?? null}]::uuid[], ${now()}) as id`;
  const [done] = await sql<{ number: string }[]>`
    select billing.finalize_invoice(${invoice?.id ?? null}, ${now()}) as number`;
  tally.invoices.set(client.currency, (tally.invoices.get(client.currency) ?? 0) + 1);
  return `${done?.number} of ${minor} ${client.currency} issued to ${client.name}`;
}

/** A credit note of ours, to be refunded or not. */
async function note(world: DanceWorld, move: Move, refund: boolean): Promise<string | undefined> {
  const states = refund ? ["paid"] : ["open", "paid", "uncollectible"];
  const invoice = await pickIssued(world, move, states);
  if (invoice === undefined || invoice.left <= 0) return undefined;
  const unit = invoice.currency === "KWD" ? 10 : 1;
  const amount = partOf(invoice.left, unit, move);
  const [row] = await world.sql<{ number: string }[]>`
    select billing.issue_credit_note(${invoice.id}, 'goodwill', ${amount}, ${refund},
      ${world.now()}) as number`;
  return `${row?.number} of ${amount} issued here${refund ? ", to be refunded" : ""}`;
}

async function transfer(world: DanceWorld, move: Move): Promise<string | undefined> {
  const invoice = await pickIssued(world, move, ["open", "uncollectible"]);
  if (invoice === undefined) return undefined;
  const unit = invoice.currency === "KWD" ? 10 : 1;
  const amount = move.b % 3 > 0 ? invoice.due : partOf(invoice.due, unit, { ...move, a: 1 });
  const at = world.now();
  await world.sql`
    select billing.record_payment(${invoice.id}, ${amount}, ${at}, 'transfer',
      ${`T-${invoice.number}-${at.getTime()}`})`;
  return `${amount} of ${invoice.due} transferred for ${invoice.number}`;
}

/**
 * As workers do, several beside each other, whose requests take turns; a delivery that dies is a
 * fault.
 */
async function send(world: DanceWorld, sent: readonly Sent[], { a, b }: Move) {
  const random = seededRandom(`turns ${a} ${b}`);
  // In half of the moves one after the other, so that each asks before any of them acts.
  const below = a % 2 === 1 ? () => 0 : random.below;
  const done = await inTurns(
    sent.map(({ id, number }) => async (next) => {
      const outcome = await deliverInvoice(id, { ...world.ports, stripe: stripeOf(world, next) });
      if (outcome.kind === "dead") world.deaths.push(`${number} died: ${outcome.error}`);
      return `${number} sent: ${outcome.kind}`;
    }),
    below,
  );
  return done.length > 0 ? done.join(", ") : undefined;
}

/** Stripe, each of whose requests waits for its turn. */
function stripeOf({ stripe, request }: DanceWorld, next: () => Promise<void>): Stripe {
  return stripeClient(KEY, stripe.url, {
    request: async (input, init) => {
      await next();
      return await request(input, init);
    },
  });
}

/** Two invoices of one client that Stripe does not have. */
async function sendBoth(world: DanceWorld, move: Move): Promise<string | undefined> {
  const unsent = await world.sql<{ id: string; number: string; client: string }[]>`
    select i.id, i.number, i.client_id as client from public.invoices i
    left join public.stripe_invoices m on m.invoice_id = i.id
    where i.status in ('open', 'uncollectible') and m.stripe_invoice_id is null
    order by i.number`;
  const all = [...Map.groupBy(unsent, ({ client }) => client).values()];
  const several = all.filter(({ length }) => length > 1);
  return await send(
    world,
    several[move.who % Math.max(several.length, 1)]?.slice(0, 2) ?? [],
    move,
  );
}

export const HERE: Partial<Record<Kind, Dancer>> = {
  issue,
  send: async (world, move) => {
    const next = await world.sql<{ id: string; number: string }[]>`
      with unsent as materialized (
        select i.id, i.number from public.invoices i
        left join public.stripe_invoices m on m.invoice_id = i.id
        where i.status in ('open', 'uncollectible') and m.stripe_invoice_id is null)
      select u.id, u.number from unsent u
      order by u.number offset ${move.who} % greatest((select count(*) from unsent), 1) limit 1`;
    return await send(world, next, move);
  },
  send_both: sendBoth,
  note_here: (world, move) => note(world, move, false),
  refund_here: (world, move) => note(world, move, true),
  transfer,
  void_here: async (world, move) => {
    const invoice = await pickIssued(world, move, ["open", "uncollectible"]);
    if (invoice === undefined) return undefined;
    await world.sql`select billing.void_invoice(${invoice.id}, 'a mistake', ${world.now()})`;
    return `${invoice.number} voided here`;
  },
  write_off_here: async (world, move) => {
    const invoice = await pickIssued(world, move, ["open"]);
    if (invoice === undefined) return undefined;
    await world.sql`select billing.mark_uncollectible(${invoice.id}, ${world.now()})`;
    return `${invoice.number} written off here`;
  },
  outbox: async ({ ports }) => {
    const { done, problems } = await pushToStripe(ports);
    return `Stripe told of ${done}, refused ${problems.length}`;
  },
  reconcile: async ({ ports }) => {
    const { missed_events, told, left } = await reconcile(3, ports);
    return `reconciled: ${missed_events} missed events, ${told} told, ${left.length} left`;
  },
};
