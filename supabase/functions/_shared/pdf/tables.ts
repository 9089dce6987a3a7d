import type { LineRow } from "../../../../shared/document/view-rows.ts";
import type { InvoiceView } from "../../../../shared/document/view.ts";
import { COLOR, heading, joined, label, numberText, PAGE, rich } from "./parts.ts";
import type { PdfNode } from "./vendor.js";

/** The lines; the header row comes again on every page and no row is torn. */
export function lineTable(view: InvoiceView): PdfNode {
  const head = ["Description", "Quantity", "Unit price", "Amount"];
  return {
    margin: [0, 12, 0, 0],
    table: {
      headerRows: 1,
      keepWithHeaderRows: 1,
      dontBreakRows: true,
      widths: withRest(
        [
          fit(72, view.lines.map(({ quantity }) => quantity)),
          fit(74, view.lines.map(({ unitPrice }) => unitPrice)),
          fit(80, view.lines.map(({ amount }) => amount)),
        ],
        PAGE[view.paper].content,
      ),
      body: [headerRow(head), ...view.lines.map(lineCells)],
    },
    layout: tableLayout(3.75),
  };
}

/** The sums, in a table of `width` points. */
export function totalTable(view: InvoiceView, width: number): PdfNode {
  const last = view.totals.length;
  return {
    table: {
      widths: withRest(
        [fit(105, view.totals.map(({ value }) => value))],
        width,
      ),
      body: view.totals.map(({ label, value, strong }) => [
        { ...rich(label, 40), bold: strong },
        { ...numberText(value), alignment: "right", bold: strong },
      ]),
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
  const head = [
    "Agent",
    "Requests",
    "Input tokens",
    "Output tokens",
    "Other units",
    "Amount",
  ];
  return {
    margin: [0, 14, 0, 0],
    stack: [
      heading("Usage by agent"),
      {
        margin: [0, 4, 0, 0],
        fontSize: 8.5,
        table: {
          headerRows: 1,
          keepWithHeaderRows: 1,
          dontBreakRows: true,
          widths: withRest(
            [
              fit(58, view.agents.map(({ requests }) => requests)),
              fit(78, view.agents.map(({ inputTokens }) => inputTokens)),
              fit(78, view.agents.map(({ outputTokens }) => outputTokens)),
              fit(62, view.agents.map(({ otherUnits }) => otherUnits)),
              fit(78, view.agents.map(({ amount }) => amount)),
            ],
            PAGE[view.paper].content,
          ),
          body: [
            headerRow(head),
            ...view.agents.map((row) => [
              rich(row.agent, 20),
              ...[
                row.requests,
                row.inputTokens,
                row.outputTokens,
                row.otherUnits,
                row.amount,
              ]
                .map(right),
            ]),
          ],
        },
        layout: tableLayout(3),
      },
    ],
  };
}

function lineCells(line: LineRow): PdfNode[] {
  const small = { fontSize: 7.5, color: COLOR.muted, lineHeight: 1.25 };
  return [
    {
      stack: [
        rich(line.description, 44),
        ...(line.details.length > 0 ? [{ ...joined(line.details, 50), ...small }] : []),
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
        ...(line.per ? [{ ...right(line.per), ...small }] : []),
      ],
    },
    right(line.amount),
  ];
}

function headerRow(names: readonly string[]): PdfNode[] {
  return names.map((name, index) => ({
    ...label(name),
    alignment: index === 0 ? "left" : "right",
  }));
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
