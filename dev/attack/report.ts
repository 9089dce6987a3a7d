import { percentile } from "../bench/figure.ts";
import type { Fared } from "./honest.ts";
import type { WrongKind } from "./judge.ts";
import type { AttackResult } from "./run.ts";

/** What must hold, and what was found. */
export interface Limit {
  readonly what: string;
  readonly found: string;
  readonly limit: string;
  readonly holds: boolean;
}

const WRONG: Readonly<Record<WrongKind | "victim", string>> = {
  failure: "5xx but 503 with Retry-After",
  accepted: "wrongly accepted",
  shown: "shown to the wrong caller",
  form: "errors that are no problem+json",
  victim: "changes of the victim's, broken invariants",
};
const KINDS = ["failure", "accepted", "shown", "form", "victim"] as const;

/** Milliseconds within which honest requests are served while the attack lasts. */
const SERVED = [
  { name: "insert", what: "an honest agent's inserts", share: 0.99, within: 250 },
  { name: "webhook", what: "a genuine webhook", share: 0.99, within: 1000 },
  { name: "page", what: "a member's page", share: 0.99, within: 500 },
  { name: "rollup", what: "counted usage behind now", share: 1, within: 60_000 },
] as const;

/** Each limit of the attack; `strict` judges times and refusals of the honest too. */
export function limits(result: AttackResult, strict: boolean): Limit[] {
  return [
    sentOf(result),
    ...KINDS.map((kind) => atMostNone(WRONG[kind], result.wrong.get(kind) ?? 0)),
    ...SERVED.map(({ name, what, share, within }) => {
      const { milliseconds } = result.honest[name];
      const slowest = percentile(milliseconds, share);
      return {
        what,
        found: `${share === 1 ? "longest" : "p99"} ${whole(slowest)} ms, ` +
          `p50 ${whole(percentile(milliseconds, 0.5))} ms of ${whole(milliseconds.length)}`,
        limit: strict ? `${whole(within)} ms` : "not judged",
        // Nothing measured is nothing shown.
        holds: milliseconds.length > 0 && (!strict || slowest <= within),
      };
    }),
    ...SERVED.map(({ name, what }) =>
      atMostNone(`${what}: refused or failed`, refusals(result.honest[name], strict))
    ),
  ];
}

/** The limits that are passed. */
export function failed(result: AttackResult, strict: boolean): Limit[] {
  return limits(result, strict).filter(({ holds }) => !holds);
}

/** The attack in a few lines, each limit in one. */
export function summary(result: AttackResult, strict: boolean): string[] {
  const { seconds, statuses, concerns, halves, honest } = result;
  const sent = sum(concerns);
  const unavailable = statuses.get(503) ?? 0;
  return [
    `${whole(sent)} requests in ${whole(seconds)} s, ${whole(sent / seconds)} a second; ` +
    `${whole(halves)} half-sent bodies; ${whole(unavailable)} answers 503.`,
    list(concerns),
    list(statuses),
    ...SERVED.flatMap(({ name, what }) =>
      [...honest[name].failed].map(([how, count]) => `${what}: ${whole(count)} × ${how}`)
    ),
    ...limits(result, strict).map(({ what, found, limit, holds }) =>
      `${holds ? "✓" : "✗"} ${what.padEnd(44)} ${found}; at most ${limit}`
        .replace("at most not judged", "not judged").replace("at most all", "all")
    ),
  ];
}

function sentOf({ requests, statuses, hungUp, wrong }: AttackResult): Limit {
  const answered = sum(statuses);
  return {
    what: "requests that were answered",
    found: `${whole(answered)}, and the server hung up on ${whole(hungUp)}`,
    limit: `all of ${whole(requests)}`,
    holds: answered + hungUp + (wrong.get("failure") ?? 0) >= requests && answered > 0,
  };
}

function atMostNone(what: string, found: number): Limit {
  return { what, found: whole(found), limit: "0", holds: found === 0 };
}

/** A machine that does other things too may answer honest callers by 503. */
function refusals({ failed }: Fared, strict: boolean): number {
  return sum(new Map([...failed].filter(([how]) => strict || !how.startsWith("503"))));
}

function list(counts: ReadonlyMap<string | number, number>): string {
  return [...counts].sort(([one], [other]) => String(one).localeCompare(String(other)))
    .map(([what, count]) => `${what}: ${whole(count)}`).join(", ");
}

function sum(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
