import { type Figure, isMet, type Target } from "./figure.ts";

/** Where a document keeps the table that the bench writes. */
const START = "<!-- bench: start -->";
const END = "<!-- bench: end -->";

/** A line for a person who waits. */
export function lineOf(figure: Figure): string {
  const verdict = targetOf(figure.target) === "" ? "report" : isMet(figure) ? "met" : "MISSED";
  return `${figure.key.padEnd(15)} ${valueOf(figure).padStart(9)}  ${
    targetOf(figure.target).padEnd(8)
  } ${verdict.padEnd(7)} ${figure.detail}` +
    (figure.also ?? []).map(({ what, holds }) => holds ? "" : `; not: ${what}`).join("");
}

/** The document with its table replaced by these figures. Throws where it has no place for one. */
export function withTable(document: string, figures: readonly Figure[], heading: string): string {
  const start = document.indexOf(START);
  const end = document.indexOf(END);
  if (start === -1 || end < start) throw new Error(`no ${START} … ${END} in the document`);
  const rows = figures.map((figure) =>
    `| \`${figure.key}\` | ${valueOf(figure)} | ${targetOf(figure.target) || "–"} | ${
      targetOf(figure.target) === "" ? "–" : isMet(figure) ? "met" : "**missed**"
    } | ${figure.detail} |`
  );
  const table = [
    heading,
    "",
    "| key | measured | target | | behind it |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ];
  return `${document.slice(0, start)}${START}\n\n${table.join("\n")}\n\n${document.slice(end)}`;
}

function valueOf({ value, unit }: Figure): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

function targetOf({ atLeast, atMost }: Target): string {
  if (atLeast !== undefined) return `≥ ${atLeast}`;
  return atMost === undefined ? "" : `≤ ${atMost}`;
}
