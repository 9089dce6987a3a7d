import { type History, historyOf, lineOf, type Violation } from "./history.ts";

/** Violations that are told with their history; the rest is counted. */
const TOLD = 10;
/** Lines of one history. */
const LINES = 60;

/** What a person needs to look for the cause: the seed, what is wrong, and what led to it. */
export function describeViolations(
  seed: number,
  violations: readonly Violation[],
  { entries }: History,
): string[] {
  const told = violations.slice(0, TOLD).flatMap((violation) => {
    const history = historyOf(entries, violation.about);
    return [
      "",
      `${violation.check}: ${violation.detail}`,
      `  concerns ${violation.about.join(", ") || "everything"}; ${history.length} operations` +
      (history.length > LINES ? `, the last ${LINES}:` : ":"),
      ...history.slice(-LINES).map((entry) => `  ${lineOf(entry)}`),
    ];
  });
  const byCheck = [...Map.groupBy(violations, ({ check }) => check)]
    .map(([check, { length }]) => `${check} ${length}`);
  return [
    `${violations.length} violations with seed ${seed}: ${byCheck.join(", ")}`,
    ...told,
    ...violations.length > TOLD ? ["", `… and ${violations.length - TOLD} more`] : [],
  ];
}
