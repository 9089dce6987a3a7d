import { z } from "zod";
import { actOnEvents } from "../../../supabase/functions/_shared/stripe/events.ts";
import { deliverInvoice } from "../../../supabase/functions/_shared/stripe/invoices.ts";
import type { StripePorts } from "../../../supabase/functions/_shared/stripe/ports.ts";
import { reconcile } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { remainingOf } from "../../standins/stripe/invoice-figures.ts";
import { dyingAt } from "../stripe-dance/dying.ts";
import { theirsOf } from "../stripe-dance/stripes.ts";
import { deliverBadly, waitForEvents } from "../stripe-dance/wires.ts";
import { type DanceWorld, inDanceWorld } from "../stripe-dance/world.ts";
import { type Random, seededRandom } from "../support/random.ts";
import type { Connect } from "./worlds.ts";

/** How a life of recharges is killed. */
export interface Killing {
  readonly seed: string;
  /** How many rounds, each of so many kills and one recharge of each client. */
  readonly rounds: number;
  readonly killsOfRound: number;
  readonly clients: number;
}

export interface Killed {
  readonly kills: number;
  /** Kills in the middle of something: it did not come to its end. */
  readonly interrupted: number;
  readonly recharges: number;
  readonly violations: readonly string[];
}

/** Minor units of a recharge, a whole multiple of what Stripe takes in each currency. */
const AMOUNT = 5000;
/** Seconds of a round: recharges are kept apart by more than ten minutes. */
const ROUND = 3600;
/** Of the program itself. */
const SESSIONS = 4;
/** Milliseconds until a call of a session that was ended is given up. */
const PATIENCE = 1000;

/**
 * In each round the credit of every client gets low. All that recharges it is killed again and
 * again, wherever it is: the job, the delivery to Stripe, the events of the payment, the
 * reconciliation, and all sessions of the database at once. Then it is left alone, and each client must have been
 * charged and granted once.
 */
export async function killRecharges(
  connect: Connect,
  { seed, rounds, killsOfRound, clients }: Killing,
): Promise<Killed> {
  const random = seededRandom(seed);
  const sql = connect(SESSIONS);
  const counts = { kills: 0, interrupted: 0, recharges: 0 };
  const violations: string[] = [];
  try {
    await inDanceWorld(sql, async (world) => {
      await sql`update public.billing_config set minimum_minor = 0 where client_id is not null`;
      for (let round = 1; round <= rounds && violations.length === 0; round++) {
        await lowerCredit(world, round);
        for (let kill = 0; kill < killsOfRound; kill++) {
          counts.kills += 1;
          if (await killOnce(world, connect, random)) counts.interrupted += 1;
          world.pass(ROUND / 4 / killsOfRound);
        }
        world.pass(ROUND / 2);
        await leaveAlone(world);
        violations.push(...await wrongs(world, round));
        counts.recharges += clients;
        world.pass(ROUND / 4);
      }
    }, { clients, seconds: (rounds + 1) * ROUND });
  } finally {
    await sql.end({ timeout: 5 });
  }
  return { ...counts, violations };
}

/** The threshold is one more than what all recharges before have granted. */
async function lowerCredit({ sql, clients }: DanceWorld, round: number): Promise<void> {
  for (const { id, currency } of clients) {
    await sql`
      select billing.set_auto_recharge(${id}, ${(round - 1) * AMOUNT + 1}, ${10_000 * AMOUNT},
        amount_minor => ${AMOUNT}, currency => ${currency})`;
  }
}

type Work = (world: DanceWorld, ports: StripePorts, random: Random) => Promise<unknown>;

const WORKS: readonly [Work, ...Work[]] = [
  deliverAll,
  async (world, _, random) => {
    payAll(world, random);
    await Promise.resolve();
  },
  (world, ports, random) => deliverBadly({ ...world, ports }, random.below(1_000_000)),
  (_, ports) => actOnEvents(ports),
  (_, ports) => reconcile(3, ports),
];

/** Starts one thing and kills it; whether it was in the middle. */
async function killOnce(
  world: DanceWorld,
  connect: Connect,
  random: Random,
): Promise<boolean> {
  if (random.chance(30)) return await killJob(world, connect, random);
  const work = random.pick(WORKS);
  if (random.chance(25)) {
    // The database: every session of it at once.
    const outcome = failed(() => work(world, world.ports, random));
    await new Promise((resolve) => setTimeout(resolve, random.below(15)));
    const killed = await endSessions(connect, outcome);
    await untilConnected(world);
    return killed;
  }
  const { mortal } = dyingAt(world, random.between(2, 40));
  return await failed(() => work(world, mortal, random));
}

/** The job that notes and invoices recharges, its session ended after some milliseconds. */
async function killJob(
  { now }: DanceWorld,
  connect: Connect,
  random: Random,
): Promise<boolean> {
  const session = connect();
  const [own] = await session`select pg_backend_pid() as pid`;
  const outcome = failed(() => session`call _billing.recharge_credit(${now()})`);
  await new Promise((resolve) => setTimeout(resolve, random.below(30)));
  const killed = await endSessions(connect, outcome, Number(own?.["pid"]));
  session.end({ timeout: 0 }).catch(() => {});
  return killed;
}

/** Ends a session, or all but the one that ends them, and waits for what it did, not for long. */
async function endSessions(
  connect: Connect,
  outcome: Promise<boolean>,
  pid: number | null = null,
): Promise<boolean> {
  const killer = connect();
  await killer`
    select pg_terminate_backend(a.pid) from pg_stat_activity a
    where a.datname = current_database() and a.pid <> pg_backend_pid()
      and a.pid = coalesce(${pid}::integer, a.pid)`;
  await killer.end({ timeout: 5 });
  const gone = new Promise<boolean>((resolve) => setTimeout(() => resolve(true), PATIENCE));
  return await Promise.race([outcome, gone]);
}

/** The program's own sessions were ended as well; statements that meet their end fail. */
async function untilConnected({ sql }: DanceWorld): Promise<void> {
  const all = () => Promise.all(Array.from({ length: SESSIONS }, () => sql`select pg_sleep(0.01)`));
  for (let tries = 0; await failed(all); tries++) {
    if (tries === 100) throw new Error("the database takes no connection");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether it fails. */
async function failed(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch {
    return true;
  }
}

/** Brings every top-up that is due to Stripe, as the worker does. */
async function deliverAll({ sql }: DanceWorld, ports: StripePorts): Promise<void> {
  const open = z.array(z.object({ id: z.string() })).parse(
    await sql`select i.id from public.invoices i where i.kind = 'top_up' and i.status = 'open'`,
  );
  for (const { id } of open) await deliverInvoice(id, ports);
}

/** Payers pay what is due in Stripe, with `random` only some of it. */
function payAll({ stripe }: DanceWorld, random?: Random): void {
  for (const invoice of [...stripe.state.invoices.values()]) {
    const isDue = invoice.status === "open" && remainingOf(invoice) > 0;
    if (isDue && random?.chance(50) !== false) stripe.payInvoice(invoice.id, remainingOf(invoice));
  }
}

/** All that runs by itself, without a kill, until nothing is left to do. */
async function leaveAlone(world: DanceWorld): Promise<void> {
  const { sql, ports, now, stripe } = world;
  for (let turn = 0; turn < 2; turn++) {
    await sql`call _billing.recharge_credit(${now()})`;
    await deliverAll(world, ports);
    payAll(world);
    for (const event of stripe.webhooks.held) await ports.store.receiveEvent(JSON.stringify(event));
    stripe.webhooks.held = [];
    await waitForEvents(world);
    await reconcile(3, ports);
  }
}

const toppedUp = z.array(z.object({
  client: z.string(),
  invoice: z.string().nullable(),
  state: z.string(),
  granted: z.coerce.number(),
  grants: z.coerce.number(),
}));

/** What is not as it must be: of each client one charge and one grant more than before. */
async function wrongs(world: DanceWorld, round: number): Promise<string[]> {
  const { sql, clients, stripe } = world;
  const rows = toppedUp.parse(
    await sql`
    select t.client_id as client, t.invoice_id as invoice, t.state,
      coalesce(sum(e.amount_minor), 0) as granted, count(e.id) as grants
    from public.top_ups t
    left join public.credit_grants g on g.top_up_id = t.id
    left join public.credit_entries e on e.grant_id = g.id and e.kind = 'grant'
    group by t.id`,
  );
  const theirs = theirsOf(world).invoices;
  const found = rows.flatMap(({ invoice, state, granted, grants }) => {
    const all = theirs.get(invoice ?? "") ?? [];
    const live = all.filter(({ status }) => status !== "void" && status !== "draft");
    const charged = live.flatMap(({ id }) => stripe.state.paymentsOf(id))
      .reduce((sum, { amount_paid, refunded }) => sum + amount_paid - refunded, 0);
    const is = `${invoice} is ${state}: ${charged} charged, ${grants} grants of ${granted}`;
    const isRight = charged === granted && grants <= 1 && live.length <= 1 &&
      (state === "granted" ? granted === AMOUNT : state === "void" && granted === 0);
    return isRight ? [] : [is];
  });
  for (const { id, name } of clients) {
    const granted = rows.filter(({ client, state }) => client === id && state === "granted").length;
    if (granted !== round) found.push(`${name} has ${granted} recharges after ${round} rounds`);
  }
  const broken = await sql<{ line: string }[]>`
    select concat_ws(' ', c.invariant, c.subject, c.detail) as line
    from billing.check_invariants() c limit 20`;
  return [...found, ...broken.map(({ line }) => line)];
}
