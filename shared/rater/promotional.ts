import { roundHalfAway } from "./fraction.ts";

/** A charge, or a sum of some of one metric, model and agent. */
export interface Charge {
  readonly kind: string;
  readonly metric: string | null;
  readonly model: string | null;
  readonly agent: string | null;
  readonly amountMinor: bigint;
}

/** Charges of one metric, model and agent, after their part of the discount. */
export interface Part extends Charge {
  /** What promotional credit may still take; never below zero. */
  open: bigint;
}

/** What promotional credit took of the charges of one metric, model and agent. */
export interface PromotionalCredit {
  readonly amountMinor: bigint;
  readonly metric: string | null;
  readonly model: string | null;
  readonly agent: string | null;
}

interface Scope {
  readonly metrics: readonly string[] | null;
  readonly models: readonly string[] | null;
  readonly agents: readonly string[] | null;
}

export function inScope(
  grant: Scope,
  charge: Pick<Charge, "metric" | "model" | "agent">,
): boolean {
  const holds = (scope: readonly string[] | null, value: string | null) =>
    scope === null || (value !== null && scope.includes(value));
  return holds(grant.metrics, charge.metric) && holds(grant.models, charge.model) &&
    holds(grant.agents, charge.agent);
}

/**
 * Usage and minimum by metric, model and agent, in this order. A discount (zero or negative) is
 * shared in whole minor units: shares that are summed one by one come to it.
 */
export function partsOf(charges: readonly Charge[], discountMinor: bigint): Part[] {
  const key = ({ metric, model, agent }: Charge) => JSON.stringify([metric, model, agent]);
  const groups = [...Map.groupBy(charges, key).values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [{
      ...first,
      amountMinor: others.reduce((sum, other) => sum + other.amountMinor, first.amountMinor),
    }]
  ).sort(bySubject);
  const charged = groups.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  const share = (amount: bigint) =>
    charged > 0n ? roundHalfAway({ n: discountMinor * amount, d: charged }) : 0n;
  let until = 0n;
  return groups.map(({ kind, metric, model, agent, amountMinor }) => {
    const before = share(until);
    until += amountMinor;
    const left = amountMinor + share(until) - before;
    return { kind, metric, model, agent, amountMinor: left, open: left > 0n ? left : 0n };
  });
}

/** By metric, model and agent; charges without one come last. */
function bySubject(a: Charge, b: Charge): number {
  return order(a.metric, b.metric) || order(a.model, b.model) || order(a.agent, b.agent);
}

function order(a: string | null, b: string | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}

/** Takes credits off the parts that they name; no more than `room` in all. Returns what each takes. */
export function takeCredits(
  parts: readonly Part[],
  credits: readonly PromotionalCredit[],
  room: bigint,
): bigint[] {
  let left = room > 0n ? room : 0n;
  return credits.map((credit) => {
    const part = parts.find(({ metric, model, agent }) =>
      metric === credit.metric && model === credit.model && agent === credit.agent
    );
    if (part === undefined) return 0n;
    const taken = [part.open, left, credit.amountMinor]
      .reduce((least, amount) => amount < least ? amount : least);
    part.open -= taken;
    left -= taken;
    return taken;
  });
}
