import type { InvoiceView } from "../../../../shared/document/view.ts";
import { scriptsOf, textRuns } from "./runs.ts";
import type { PdfNode } from "./vendor.js";

/** The colours of the page, the same as in the HTML's style sheet. */
export const COLOR = {
  ink: "#16202e",
  soft: "#475467",
  muted: "#667085",
  line: "#e3e7ed",
  axis: "#98a2b3",
  accent: "#2f49c4",
  bar: "#4f67d8",
  good: "#067647",
  bad: "#b42318",
} as const;

/**
 * Left and right margin and the width between them, in points. All columns have widths reckoned
 * from it: a column of width "*" grows with its longest word and would push others off the page.
 */
export const PAGE = {
  A4: { margin: 48, content: 499.28 },
  Letter: { margin: 50, content: 512 },
} as const;

// Kerning would draw the point in 31.07.2026 under the 7.
const FIGURES = /\d[.,/]\d/;
const EVEN_FIGURES = { tnum: true, kern: false } as const;

/** Text from outside: every script in its font and in its direction (see `textRuns`). */
export function rich(text: string, lineLength: number): PdfNode {
  const runs = textRuns(text, lineLength).map((run) => ({ ...run }));
  return FIGURES.test(text) ? { text: runs, fontFeatures: EVEN_FIGURES } : { text: runs };
}

/** Our own words: as they are where they need no other font and no other order. */
export function ours(text: string, lineLength: number): PdfNode {
  const scripts = scriptsOf(text);
  return scripts.size === 1 && scripts.has("Latin") ? { text } : rich(text, lineLength);
}

/** Columns, cells or widths in the order in which they stand from left to right. */
export function inOrder<T>({ words }: InvoiceView, items: readonly T[]): T[] {
  return words.direction === "rtl" ? items.toReversed() : [...items];
}

/** The edge at which lines end. */
export function farEdge({ words }: InvoiceView): "left" | "right" {
  return words.direction === "rtl" ? "left" : "right";
}

/** Several texts from outside on one line; none changes the direction of another. */
export function joined(texts: readonly string[], lineLength: number): PdfNode {
  return {
    text: texts.flatMap((
      text,
      i,
    ) => [i > 0 ? " · " : "", rich(text, lineLength)]),
  };
}

/** Figures, all of one width so that columns stand in line. */
export function numberText(text: string): PdfNode {
  return { text, fontFeatures: EVEN_FIGURES, noWrap: true };
}

/** A small caption in capitals. Letters that join, and those of two widths, are not set apart. */
export function label(text: string, lineLength = 40): PdfNode {
  const capitals = ours(text.toUpperCase(), lineLength);
  return {
    ...capitals,
    fontSize: 6.5,
    bold: true,
    ...(typeof capitals.text === "string" ? { characterSpacing: 0.4 } : {}),
    color: COLOR.muted,
  };
}

/** The caption of a section; stays with what follows. */
export function heading(text: string): PdfNode {
  return { ...label(text, 90), fontSize: 7, headlineLevel: 1 };
}

/** A hairline across the page. */
export function rule(): PdfNode {
  const line = { type: "line", x1: 0, y1: 0, x2: PAGE.A4.content, y2: 0 };
  return { canvas: [{ ...line, lineWidth: 0.6, lineColor: COLOR.line }] };
}
