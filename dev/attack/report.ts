import { percentile } from "../bench/figure.ts";
import type { Fared } from "./honest.ts";
import type { AttackResult } from "./run.ts";

/** Milliseconds within which 99 of 100 honest requests are served while the attack lasts. */
const WITHIN = { insert: 250, webhook: 1000, page: 500, rollup: 60_000 } as const;
type Name = keyof typeof WITHIN;
const NAMES: readonly Name[] = ["insert", "webhook", "page", "rollup"];
const WHAT: Readonly<Record<Name, string>> = {
  insert: "an honest agent's insert",
  webhook: "a genuine webhook",
  page: "a member's page",
  rollup: "between two rollups",
};

/** What the honest met that they should not have; `strict` asks for their times too. */
export function unfair({ honest }: AttackResult, strict: boolean): string[] {
  return NAMES.flatMap((name) => {
    const { milliseconds, failed } = honest[name];
    const refused = [...failed].filter(([what]) => strict || !what.startsWith("503"));
    const late = p99(honest[name]) > WITHIN[name];
    return [
      ...milliseconds.length === 0 ? [`${WHAT[name]}: never came about`] : [],
      ...refused.map(([what, count]) => `${WHAT[name]}: ${count} × ${what}`),
      ...strict && late ? [`${WHAT[name]}: p99 is above ${WITHIN[name]} ms`] : [],
    ];
  });
}

/** The attack in a few lines. */
export function summary(result: AttackResult): string[] {
  const { seconds, statuses, concerns, honest, halves } = result;
  const sent = [...concerns.values()].reduce((sum, count) => sum + count, 0);
  const list = (counts: ReadonlyMap<string | number, number>) =>
    [...counts].sort(([one], [other]) => String(one).localeCompare(String(other)))
      .map(([what, count]) => `${what}: ${whole(count)}`).join(", ");
  return [
    `${whole(sent)} requests in ${Math.round(seconds)} s, ${whole(sent / seconds)} a second, ` +
    `and ${whole(halves)} half-sent bodies.`,
    list(concerns),
    list(statuses),
    ...NAMES.map((name) =>
      `${WHAT[name].padEnd(26)} ${whole(honest[name].milliseconds.length).padStart(8)} times, ` +
      `p50 ${whole(percentile(honest[name].milliseconds, 0.5))} ms, ` +
      `p99 ${whole(p99(honest[name]))} ms of ${whole(WITHIN[name])}`
    ),
  ];
}

function p99({ milliseconds }: Fared): number {
  return percentile(milliseconds, 0.99);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
