import type { LineRow } from "../../../../shared/document/view-rows.ts";
import type { InvoiceView } from "../../../../shared/document/view.ts";
import { COLOR, heading, joined, label, numberText, rich } from "./parts.ts";
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
      widths: ["*", 72, 74, 80],
      body: [headerRow(head), ...view.lines.map(lineCells)],
    },
    layout: tableLayout(3.75),
  };
}

/** The sums. */
export function totalTable(view: InvoiceView): PdfNode {
  const last = view.totals.length;
  return {
    table: {
      widths: ["*", 105],
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
  const head = ["Agent", "Requests", "Input tokens", "Output tokens", "Other units", "Amount"];
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
          widths: ["*", 58, 78, 78, 62, 78],
          body: [
            headerRow(head),
            ...view.agents.map((row) => [
              rich(row.agent, 20),
              ...[row.requests, row.inputTokens, row.outputTokens, row.otherUnits, row.amount]
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
      stack: [right(line.unitPrice), ...(line.per ? [{ ...right(line.per), ...small }] : [])],
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

function tableLayout(padding: number): PdfNode {
  return {
    hLineWidth: (index: number) => index === 0 ? 0 : index === 1 ? 1.1 : 0.5,
    hLineColor: (index: number) => index === 1 ? COLOR.ink : COLOR.line,
    vLineWidth: () => 0,
    paddingLeft: (index: number) => index === 0 ? 0 : 8,
    paddingRight: () => 0,
    paddingTop: () => padding,
    paddingBottom: () => padding - 1,
  };
}
