import type { InvoiceView, PartyView, Remark } from "../../../../shared/document/view.ts";
import { agentTable, lineTable, totalTable } from "./tables.ts";
import { chart } from "./chart.ts";
import { COLOR, heading, label, numberText, PAGE, rich, rule } from "./parts.ts";
import type { PdfNode } from "./vendor.js";

/** The view as pdfmake's document definition: the same content, in the same order, as the HTML. */
export function pdfDefinition(view: InvoiceView): PdfNode {
  const page = PAGE[view.paper];
  const date = new Date(`${view.datedOn}T00:00:00Z`);
  return {
    pageSize: view.paper.toUpperCase(),
    pageMargins: [page.margin, 42, page.margin, 48],
    version: "1.7",
    language: "en",
    displayTitle: true,
    info: {
      title: `${view.title} ${view.number}`,
      author: view.seller.name,
      subject: `${view.title} for ${view.client.name}`,
      creator: "LeverEdge Billing",
      producer: "LeverEdge Billing",
      creationDate: date,
      modDate: date,
    },
    defaultStyle: {
      font: "Latin",
      fontSize: 9,
      lineHeight: 1.3,
      color: COLOR.ink,
    },
    header: (pageNumber: number) => pageNumber === 1 ? null : runningHead(view),
    footer: (pageNumber: number, pages: number) => runningFoot(view, pageNumber, pages),
    content: [
      top(view),
      facts(view),
      parties(view),
      headline(view),
      lineTable(view),
      sums(view),
      ...(view.chart ? [chart(view.chart, page.content)] : []),
      ...(view.agents.length > 0 ? [agentTable(view)] : []),
      ...(view.remarksBeside ? [] : view.remarks.map((remark) => paragraph(remark, 100, 20))),
      ...(view.footer && !fitsFoot(view.footer) ? [footerText(view.footer)] : []),
    ],
  };
}

function top(view: InvoiceView): PdfNode {
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
function facts(view: InvoiceView): PdfNode {
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

function parties(view: InvoiceView): PdfNode {
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

function headline(view: InvoiceView): PdfNode {
  const { amount, text } = view.headline;
  const words = [
    { ...numberText(amount), bold: true, fontSize: 18 },
    { text: `  ${text}`, fontSize: 12, color: COLOR.soft },
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
function sums(view: InvoiceView): PdfNode {
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

function paragraph(remark: Remark, lineLength: number, space: number): PdfNode {
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

function footerText(text: string): PdfNode {
  return {
    margin: [0, 22, 0, 0],
    stack: [rule(), {
      ...rich(text, 110),
      fontSize: 8,
      color: COLOR.muted,
      margin: [0, 6, 0, 0],
    }],
  };
}

function runningHead(view: InvoiceView): PdfNode {
  return {
    margin: [PAGE[view.paper].margin, 22, PAGE[view.paper].margin, 0],
    columns: [
      { text: `${view.title} ${view.number}`, fontSize: 8, color: COLOR.muted },
    ],
  };
}

/** A short footer runs along the foot of every page, a long one ends the document. */
function fitsFoot(text: string): boolean {
  return text.length <= 80;
}

function runningFoot(view: InvoiceView, page: number, pages: number): PdfNode {
  const text = view.footer && fitsFoot(view.footer) ? view.footer : view.seller.name;
  return {
    margin: [PAGE[view.paper].margin, 18, PAGE[view.paper].margin, 0],
    fontSize: 8,
    color: COLOR.muted,
    columns: [
      {
        width: PAGE[view.paper].content - 90,
        ...rich(`${view.number} · ${text}`, 90),
      },
      { width: 90, text: `Page ${page} of ${pages}`, alignment: "right" },
    ],
  };
}
