import type { InvoiceView, PartyView, Remark } from "../../../../shared/document/view.ts";
import { COLOR, heading, label, numberText, PAGE, rich } from "./parts.ts";
import { totalTable } from "./tables.ts";
import type { PdfNode } from "./vendor.js";

/** Title and sender, with the ribbon where there is one. */
export function top(view: InvoiceView): PdfNode {
  const { content } = PAGE[view.paper];
  const tone = { neutral: COLOR.muted, good: COLOR.good, bad: COLOR.bad };
  const ribbon = view.ribbon === null ? [] : [{
    table: {
      body: [[{
        text: view.ribbon.text,
        bold: true,
        fontSize: 8.5,
        characterSpacing: 1.2,
        lineHeight: 1,
        color: tone[view.ribbon.tone],
        borderColor: Array(4).fill(tone[view.ribbon.tone]),
      }]],
    },
    layout: {
      paddingLeft: () => 7,
      paddingRight: () => 6,
      paddingTop: () => 3,
    },
    margin: [0, 5, 0, 0],
  }];
  return {
    columns: [
      {
        width: content / 2,
        stack: [
          {
            text: view.title,
            bold: true,
            fontSize: 21,
            lineHeight: 1.1,
            characterSpacing: -0.3,
          },
          ...ribbon,
        ],
      },
      {
        width: content / 2,
        ...rich(view.seller.name, 32),
        bold: true,
        fontSize: 12,
        alignment: "right",
        margin: [0, 6, 0, 0],
      },
    ],
  };
}

const FACT_GAP = 10;
const COLUMN_GAP = 28;
const TOTALS_WIDTH = 270;

/** Label over value, four to a row. */
export function facts(view: InvoiceView): PdfNode {
  const cells = view.facts.map(({ label: name, value, detail }) => [
    label(name),
    rich(value, 28),
    ...(detail === null ? [] : [{ ...rich(detail, 30), fontSize: 7.5, color: COLOR.muted }]),
  ]);
  const rest = PAGE[view.paper].content - 3 * 104 - 4 * FACT_GAP;
  // The one with small print is the period, the longest of them.
  const widths = Array.from(
    { length: 4 },
    (_, i) => view.facts[i]?.detail ? rest : 104,
  );
  const rows = Array.from(
    { length: Math.ceil(cells.length / 4) },
    (_, row) =>
      Array.from(
        { length: 4 },
        (_, column) => ({ stack: cells[row * 4 + column] ?? [] }),
      ),
  );
  return {
    margin: [0, 16, 0, 0],
    table: { widths, body: rows },
    layout: {
      hLineWidth: (index: number) => index === 0 ? 1.1 : index === rows.length ? 0.6 : 0,
      hLineColor: (index: number) => index === 0 ? COLOR.ink : COLOR.line,
      vLineWidth: () => 0,
      paddingLeft: () => 0,
      paddingRight: () => FACT_GAP,
      paddingTop: (index: number) => index === 0 ? 9 : 2,
      paddingBottom: () => 7,
    },
  };
}

/** Who bills whom, side by side. */
export function parties(view: InvoiceView): PdfNode {
  const block = (party: PartyView): PdfNode => ({
    width: (PAGE[view.paper].content - COLUMN_GAP) / 2,
    stack: [
      label(party.label),
      {
        ...rich(party.name, 42),
        bold: true,
        fontSize: 10,
        margin: [0, 2, 0, 1],
      },
      ...party.lines.map((line) => ({ ...rich(line, 46), color: COLOR.soft })),
    ],
  });
  return {
    columnGap: COLUMN_GAP,
    margin: [0, 14, 0, 0],
    columns: [block(view.seller), block(view.client)],
  };
}

/** What it comes to, large, with the link to pay. */
export function headline(view: InvoiceView): PdfNode {
  const { amount, text } = view.headline;
  const words = [
    { ...numberText(amount), bold: true, fontSize: 18 },
    { ...rich(`  ${text}`, 60), fontSize: 12, color: COLOR.soft },
  ];
  const link = view.paymentUrl === null ? [] : [{
    width: 80,
    text: "Pay online",
    link: view.paymentUrl,
    bold: true,
    fontSize: 10,
    color: COLOR.accent,
    alignment: "right",
    margin: [0, 7, 0, 0],
  }];
  return {
    margin: [0, 14, 0, 0],
    columns: [{
      width: PAGE[view.paper].content - 80,
      text: words,
      lineHeight: 1.1,
    }, ...link],
  };
}

/** The totals, with the remarks at their left where those are short. */
export function sums(view: InvoiceView): PdfNode {
  const beside = view.remarksBeside ? view.remarks : [];
  return {
    unbreakable: true,
    margin: [0, 6, 0, 0],
    columnGap: COLUMN_GAP,
    columns: [
      {
        width: PAGE[view.paper].content - TOTALS_WIDTH - COLUMN_GAP,
        stack: beside.map((remark, index) => paragraph(remark, 40, index ? 10 : 6)),
      },
      { width: TOTALS_WIDTH, ...totalTable(view, TOTALS_WIDTH) },
    ],
  };
}

/** A titled paragraph, `space` points below what stands above it. */
export function paragraph(remark: Remark, lineLength: number, space: number): PdfNode {
  return {
    margin: [0, space, 0, 0],
    stack: [
      heading(remark.title),
      ...remark.lines.map((line) => ({
        ...rich(line, lineLength),
        fontSize: 8.5,
        color: COLOR.soft,
      })),
    ],
  };
}
