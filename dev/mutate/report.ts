import type { Mutant } from "./mutants.ts";
import type { Outcome } from "./run.ts";

/** One line of a mutant that was killed, several of one that was not. */
export function describe(mutant: Mutant, outcome: Outcome): string {
  const { rule, statement, line, before, after } = mutant;
  const place = `${statement.file}:${line} ${statement.object} (${rule})`;
  switch (outcome.state) {
    case "killed":
      return `killed      ${place} by ${outcome.by}`;
    case "not applied":
      return `not applied ${place}: ${outcome.message}`;
    case "undecided":
    case "survived":
      return [
        `${outcome.state.padEnd(11)} ${place} (${outcome.files} files of pgTAP)`,
        `  - ${before}`,
        `  + ${after}`,
      ].join("\n");
  }
}

/** The counts, and how many of those that were decided survived. */
export function summarize(outcomes: readonly Outcome[]): { line: string; survivalPercent: number } {
  const count = (state: Outcome["state"]) =>
    outcomes.filter((outcome) => outcome.state === state).length;
  const [killed, survived] = [count("killed"), count("survived")];
  const undecided = count("undecided");
  const parts = [
    `${killed} killed`,
    `${survived} survived`,
    `${count("not applied")} could not be applied`,
    ...undecided > 0 ? [`${undecided} not decided in time`] : [],
  ];
  const decided = killed + survived;
  return {
    line: parts.join(", "),
    survivalPercent: decided === 0 ? 0 : survived / decided * 100,
  };
}
