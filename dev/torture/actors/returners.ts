/** Clients that leave and come back months later: what lies between is never billed. */
import type { TransactionSql } from "postgres";
import { attempt } from "../attempt.ts";
import { DAY, FIRST_DAY, START } from "../calendar.ts";
import { type CastClient, idOf, LEAVER, SUBSCRIBER } from "../cast.ts";
import type { Actor, Stage } from "../stage.ts";

/** Days after which one leaves, and after which it comes back. */
const STAYS = 20;
const STAYS_AWAY = 62;

/** One who has begun something that the closing of the books must find done. */
export interface Finisher extends Actor {
  finish(): Promise<void>;
}

interface Step {
  readonly leaves: boolean;
  readonly day: string;
  /** How many times it has left or come back before. */
  readonly season: number;
}
type Work = (tx: TransactionSql, step: Step) => Promise<unknown>;

/** Its subscription at Stripe is cancelled; months later it has another one. */
export function subscriber(stage: Stage): Finisher {
  const id = idOf(SUBSCRIBER);
  return returner(stage, SUBSCRIBER, async (tx, { leaves, day, season }) => {
    const subscription = (ended: boolean) => ({
      id: `sub_${leaves ? season : season + 1}`,
      customer: null,
      metadata: { leveredge_client_id: id },
      livemode: false,
      status: ended ? "canceled" : "active",
      currency: "usd",
      description: null,
      start_date: noon(leaves ? FIRST_DAY : day).getTime() / 1000,
      ended_at: ended ? noon(day).getTime() / 1000 : null,
      items: { data: [{ price: { unit_amount: 0, recurring: { interval: "month" } } }] },
    });
    const apply = (value: unknown, seen: Date) =>
      tx`select billing.apply_stripe_subscription(${JSON.stringify(value)}::text::jsonb, ${seen})`;
    // Stripe tells of the first one only now.
    if (leaves && season === 0) await apply(subscription(false), noon(FIRST_DAY));
    await apply(subscription(leaves), noon(day));
  });
}

/** An operator ends its service from tomorrow on; months later it is taken back. */
export function leaver(stage: Stage): Finisher {
  const id = idOf(LEAVER);
  return returner(
    stage,
    LEAVER,
    (tx, { leaves, day }) =>
      tx`update public.clients set ended_on = ${leaves ? dayAfter(day) : null} where id = ${id}`,
  );
}

/** The same step again until it is known to be done: each of them may be made twice. */
function returner({ sql, calendar, history, service }: Stage, one: CastClient, work: Work) {
  const id = idOf(one);
  const name = `${one.name} herself`;
  let pending: Step | undefined;
  let since = START;
  let season = 0;
  const make = async ({ leaves, day, season: number }: Step): Promise<boolean> => {
    const done = await attempt(history, {
      actor: name,
      what: `${one.name} ${leaves ? "leaves" : "comes back"} on ${day}`,
      touches: [`client ${one.name}`],
    }, () =>
      sql.begin(async (tx) => {
        await tx`select set_config('billing.as_of', ${noon(day).toISOString()}, true)`;
        await work(tx, { leaves, day, season: number });
        return "";
      }));
    if (done.outcome !== "done") return false;
    if (leaves) service.leave(id, dayAfter(day));
    else service.comeBack(id, day);
    pending = undefined;
    since = Date.parse(day);
    season += 1;
    return true;
  };
  const finisher: Finisher = {
    name,
    pauseMs: 900,
    act: async () => {
      if (pending === undefined) {
        const now = calendar.now();
        const leaves = service.isServed(id);
        if (now.getTime() - since < (leaves ? STAYS : STAYS_AWAY) * DAY) return;
        pending = { leaves, day: now.toISOString().slice(0, 10), season };
      }
      await make(pending);
    },
    finish: async () => {
      for (let left = 5; pending !== undefined && left > 0; left--) await make(pending);
      if (pending !== undefined) {
        const detail = `${one.name} cannot ${pending.leaves ? "leave" : "come back"}`;
        history.violations.push({ check: "service", about: [`client ${one.name}`], detail });
      }
    },
  };
  return finisher;
}

function noon(day: string): Date {
  return new Date(`${day}T12:00:00Z`);
}

function dayAfter(day: string): string {
  return new Date(Date.parse(day) + DAY).toISOString().slice(0, 10);
}
