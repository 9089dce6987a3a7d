import type { AgentRow, LineRow } from "../../../../shared/document/view-rows.ts";
import type { InvoiceView } from "../../../../shared/document/view.ts";
import { capitalised } from "../../../../shared/words/words.ts";
import { COLOR, heading, inOrder, joined, label, numberText, ours, PAGE, rich } from "./parts.ts";
import type { PdfNode } from "./vendor.js";

/** The lines; the header row comes again on every page and no row is torn. */
export function lineTable(view: InvoiceView): PdfNode {
  const { texts } = view.words;
  const head = [texts.description, texts.quantity, texts.unitPrice, texts.amount];
  return {
    margin: [0, 12, 0, 0],
    table: {
      headerRows: 1,
      keepWithHeaderRows: 1,
      dontBreakRows: true,
      widths: inOrder(
        view,
        withRest(
          [
            fit(72, view.lines.map(({ quantity }) => quantity)),
            fit(74, view.lines.map(({ unitPrice }) => unitPrice)),
            fit(80, view.lines.map(({ amount }) => amount)),
          ],
          PAGE[view.paper].content,
        ),
      ),
      body: [headerRow(head, view), ...view.lines.map((line) => lineCells(line, view))],
    },
    layout: tableLayout(3.75),
  };
}

/** The sums, in a table of `width` points. */
export function totalTable(view: InvoiceView, width: number): PdfNode {
  const last = view.totals.length;
  return {
    table: {
      widths: inOrder(
        view,
        withRest([fit(105, view.totals.map(({ value }) => value))], width),
      ),
      body: view.totals.map(({ label, value, strong }) =>
        inOrder<PdfNode>(view, [
          { ...rich(label, 30), bold: strong },
          { ...numberText(value), alignment: "right", bold: strong },
        ])
      ),
    },
    layout: {
      ...tableLayout(3.5),
      hLineWidth: (index: number) => index === 0 ? 0 : index === last ? 1.1 : 0.5,
      hLineColor: (index: number) => index === last ? COLOR.ink : COLOR.line,
    },
  };
}

/** What each agent used. */
export function agentTable(view: InvoiceView): PdfNode {
  const { texts } = view.words;
  const head = [
    texts.agent,
    texts.requests,
    texts.inputTokens,
    texts.outputTokens,
    texts.otherUnits,
    texts.amount,
  ].map(capitalised);
  return {
    margin: [0, 14, 0, 0],
    stack: [
      heading(texts.usageByAgent),
      {
        margin: [0, 4, 0, 0],
        fontSize: 8.5,
        table: {
          headerRows: 1,
          keepWithHeaderRows: 1,
          dontBreakRows: true,
          widths: inOrder(
            view,
            withRest(
              [
                fit(58, view.agents.map(({ requests }) => requests)),
                fit(78, view.agents.map(({ inputTokens }) => inputTokens)),
                fit(78, view.agents.map(({ outputTokens }) => outputTokens)),
                fit(62, view.agents.map(({ otherUnits }) => otherUnits)),
                fit(78, view.agents.map(({ amount }) => amount)),
              ],
              PAGE[view.paper].content,
            ),
          ),
          body: [headerRow(head, view), ...view.agents.map((row) => agentCells(row, view))],
        },
        layout: tableLayout(3),
      },
    ],
  };
}

function agentCells(row: AgentRow, view: InvoiceView): PdfNode[] {
  const figures = [row.requests, row.inputTokens, row.outputTokens, row.otherUnits, row.amount];
  return inOrder(view, [rich(row.agent, 20), ...figures.map(right)]);
}

function lineCells(line: LineRow, view: InvoiceView): PdfNode[] {
  const small = { fontSize: 7.5, color: COLOR.muted, lineHeight: 1.25 };
  return inOrder<PdfNode>(view, [
    {
      stack: [
        rich(line.description, 44),
        ...smallPrint(line.details, view).map((node) => ({ ...node, ...small })),
        ...line.tiers.map((tier) => ({ ...rich(tier, 50), ...small })),
      ],
    },
    {
      stack: [
        right(line.quantity),
        ...(line.unit ? [{ ...rich(line.unit, 18), ...small, alignment: "right" }] : []),
      ],
    },
    {
      stack: [
        right(line.unitPrice),
        ...(line.per ? [{ ...perText(line.per), ...small }] : []),
      ],
    },
    right(line.amount),
  ]);
}

/** One line of all; a line each where a typesetter who breaks it would break it at the wrong end. */
function smallPrint(details: readonly string[], { words }: InvoiceView): PdfNode[] {
  if (words.direction === "rtl") return details.map((detail) => rich(detail, 50));
  return details.length > 0 ? [joined(details, 50)] : [];
}

/** Figures of one width, or words in their font. */
function perText(text: string): PdfNode {
  const words = ours(text, 30);
  return typeof words.text === "string" ? right(text) : { ...words, alignment: "right" };
}

function headerRow(names: readonly string[], view: InvoiceView): PdfNode[] {
  const { direction } = view.words;
  return inOrder(
    view,
    names.map((name, index) => ({
      ...label(name, 16),
      alignment: index === 0 && direction === "ltr" ? "left" : "right",
    })),
  );
}

function right(text: string): PdfNode {
  return { ...numberText(text), alignment: "right" };
}

const CELL_GAP = 8;
const POINTS_PER_FIGURE = 6;

/** The width that the longest of these figures needs, at least `least` points. */
function fit(least: number, figures: readonly string[]): number {
  return Math.max(
    least,
    ...figures.map(({ length }) => length * POINTS_PER_FIGURE),
  );
}

/** The widths of all columns: the first takes what the others and the gaps leave. */
function withRest(widths: readonly number[], all: number): number[] {
  return [
    widths.reduce((rest, width) => rest - width - CELL_GAP, all),
    ...widths,
  ];
}

function tableLayout(padding: number): PdfNode {
  return {
    hLineWidth: (index: number) => index === 0 ? 0 : index === 1 ? 1.1 : 0.5,
    hLineColor: (index: number) => index === 1 ? COLOR.ink : COLOR.line,
    vLineWidth: () => 0,
    paddingLeft: (index: number) => index === 0 ? 0 : CELL_GAP,
    paddingRight: () => 0,
    paddingTop: () => padding,
    paddingBottom: () => padding - 1,
  };
}
