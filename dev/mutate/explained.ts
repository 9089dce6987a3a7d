import type { Mutant } from "./mutants.ts";

/** Slips that no data can tell from what is written, and why. */
interface Explained {
  readonly object: string;
  readonly rule: string;
  /** What the line is made to be; without it all slips of the rule in the object are meant. */
  readonly after?: string;
  readonly why: string;
}

const EXPLAINED: readonly Explained[] = [
  {
    object: "billing.account_entries",
    rule: "union",
    after: "union",
    why: "rows differ in their numbers and kinds, where they are not told apart by a payment",
  },
];

export function isExplained({ rule, statement, after }: Mutant): boolean {
  return EXPLAINED.some((known) =>
    known.object === statement.object && known.rule === rule &&
    (known.after === undefined || known.after === after)
  );
}
