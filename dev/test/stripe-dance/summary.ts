/** What a number of dances came to. */
import type { Danced } from "./dance.ts";
import { CURRENCIES } from "./world.ts";

const EVENTS = ["came", "lost", "doubled", "unordered", "late", "forgotten"] as const;
const whole = (value: number) => value.toLocaleString("en");

export function startSummary() {
  const began = performance.now();
  const counts = new Map<string, number>();
  const add = (name: string, count = 1) => void counts.set(name, (counts.get(name) ?? 0) + count);
  const count = (name: string) => counts.get(name) ?? 0;
  const listed = (group: string) =>
    [...counts].filter(([name]) => name.startsWith(group))
      .map(([name, times]) => `${name.slice(group.length)} ${whole(times)}`).toSorted().join(", ");
  return {
    invoices: () => count("invoices"),
    add: ({ tally, steps, left, broken }: Danced) => {
      add("dances");
      add("violations", broken.length);
      add("moves", tally.moves);
      for (const [currency, times] of tally.invoices) {
        add("invoices", times);
        add(currency, times);
      }
      for (const name of EVENTS) add(name, tally[name]);
      for (const { kind } of left) {
        add("differences");
        add(`difference ${kind}`);
      }
      for (const step of steps) {
        const [, kind, done] = /^\d+: (\w+): (.*)$/.exec(step) ?? [];
        if (kind !== undefined && !/^nothing|refused/.test(done ?? "")) add(`move ${kind}`);
      }
    },
    text: () => {
      const seconds = (performance.now() - began) / 1000;
      const rate = (count("invoices") / seconds).toFixed(1);
      return [
        `${whole(count("invoices"))} invoices in ${whole(count("dances"))} dances, ` +
        `${seconds.toFixed(0)} s, ${rate} a second; ` +
        CURRENCIES.map(({ currency, exponent }) =>
          `${whole(count(currency))} in ${currency} (${exponent} decimals)`
        ).join(", "),
        `${whole(count("moves"))} moves: ${listed("move ")}`,
        `events: ${EVENTS.map((name) => `${whole(count(name))} ${WORDS[name]}`).join(", ")}`,
        `${whole(count("differences"))} differences named: ${listed("difference ") || "none"}`,
        `${whole(count("violations"))} violations`,
      ].join("\n");
    },
  };
}

const WORDS: Readonly<Record<(typeof EVENTS)[number], string>> = {
  came: "came",
  lost: "lost",
  doubled: "came twice",
  unordered: "behind a newer one",
  late: "late",
  forgotten: "forgotten by Stripe",
};
