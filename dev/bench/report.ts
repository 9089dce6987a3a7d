import { type Figure, isMet, type Target } from "./figure.ts";

/** A line for a person who waits. */
export function lineOf(figure: Figure): string {
  const verdict = targetOf(figure.target) === "" ? "report" : isMet(figure) ? "met" : "MISSED";
  return `${figure.key.padEnd(15)} ${valueOf(figure).padStart(9)}  ${
    targetOf(figure.target).padEnd(8)
  } ${verdict.padEnd(7)} ${figure.detail}` +
    (figure.also ?? []).map(({ what, holds }) => holds ? "" : `; not: ${what}`).join("");
}

/** The figures as a table in Markdown, with what they were measured on. */
export function tableOf(figures: readonly Figure[], heading: string): string {
  const rows = figures.map((figure) =>
    `| \`${figure.key}\` | ${valueOf(figure)} | ${targetOf(figure.target) || "–"} | ${
      targetOf(figure.target) === "" ? "–" : isMet(figure) ? "met" : "**missed**"
    } | ${figure.detail} |`
  );
  return [
    heading,
    "",
    "| key | measured | target | | behind it |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

/** The document with what stands at this place of it replaced. Throws where it has no such place. */
export function withPart(document: string, place: "bench" | "plans", text: string): string {
  const [opening, closing] = [`<!-- ${place}: start -->`, `<!-- ${place}: end -->`];
  const start = document.indexOf(opening);
  const end = document.indexOf(closing);
  if (start === -1 || end < start) throw new Error(`no ${opening} … ${closing} in the document`);
  return `${document.slice(0, start)}${opening}\n\n${text}\n\n${document.slice(end)}`;
}

function valueOf({ value, unit }: Figure): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

function targetOf({ atLeast, atMost }: Target): string {
  if (atLeast !== undefined) return `≥ ${atLeast}`;
  return atMost === undefined ? "" : `≤ ${atMost}`;
}
