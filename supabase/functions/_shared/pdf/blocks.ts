import type { InvoiceView, PartyView, Remark } from "../../../../shared/document/view.ts";
import { COLOR, farEdge, heading, inOrder, label, numberText, ours, PAGE, rich } from "./parts.ts";
import { totalTable } from "./tables.ts";
import { scriptsOf } from "./runs.ts";
import type { PdfNode } from "./vendor.js";

/** Title and sender, with the ribbon where there is one. */
export function top(view: InvoiceView): PdfNode {
  const { content } = PAGE[view.paper];
  const title = ours(view.title, 30);
  return {
    columns: inOrder(view, [
      {
        width: content / 2,
        stack: [
          {
            ...title,
            bold: true,
            fontSize: 21,
            lineHeight: 1.1,
            ...(typeof title.text === "string" ? { characterSpacing: -0.3 } : {}),
          },
          ...ribbon(view),
        ],
      },
      {
        width: content / 2,
        ...rich(view.seller.name, 32),
        bold: true,
        fontSize: 12,
        alignment: farEdge(view),
        margin: [0, 6, 0, 0],
      },
    ]),
  };
}

/** The word that shows the status, in a frame. */
function ribbon(view: InvoiceView): PdfNode[] {
  if (view.ribbon === null) return [];
  const color = { neutral: COLOR.muted, good: COLOR.good, bad: COLOR.bad }[view.ribbon.tone];
  const word = ours(view.ribbon.text, 40);
  const frame = {
    table: {
      body: [[{
        ...word,
        bold: true,
        fontSize: 8.5,
        ...(typeof word.text === "string" ? { characterSpacing: 1.2 } : {}),
        lineHeight: 1,
        color,
        borderColor: Array(4).fill(color),
      }]],
    },
    layout: {
      paddingLeft: () => 7,
      paddingRight: () => 6,
      paddingTop: () => 3,
    },
    margin: [0, 5, 0, 0],
  };
  return view.words.direction === "ltr"
    ? [frame]
    : [{ columns: [{ width: "*", text: "" }, { width: "auto", ...frame }] }];
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
  ).map((row) => inOrder(view, row));
  return {
    margin: [0, 16, 0, 0],
    table: { widths: inOrder(view, widths), body: rows },
    layout: {
      hLineWidth: (index: number) => index === 0 ? 1.1 : index === rows.length ? 0.6 : 0,
      hLineColor: (index: number) => index === 0 ? COLOR.ink : COLOR.line,
      vLineWidth: () => 0,
      paddingLeft: () => farEdge(view) === "left" ? FACT_GAP : 0,
      paddingRight: () => farEdge(view) === "left" ? 0 : FACT_GAP,
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
    columns: inOrder(view, [block(view.seller), block(view.client)]),
  };
}

/** What it comes to, large, with the link to pay. */
export function headline(view: InvoiceView): PdfNode {
  const { amount, text } = view.headline;
  const figure = { ...numberText(amount), bold: true, fontSize: 18 };
  const saying = { fontSize: 12, color: COLOR.soft };
  const words = view.words.direction === "ltr"
    ? [figure, { ...rich(`  ${text}`, 60), ...saying }]
    : [{ ...rich(text, 60), ...saying }, { text: "  " }, figure];
  const { payOnline } = view.words.texts;
  const width = payOnline.length > 10 || scriptsOf(payOnline).has("Japanese") ? 140 : 80;
  const link = view.paymentUrl === null ? [] : [{
    width,
    ...ours(payOnline, 30),
    link: view.paymentUrl,
    bold: true,
    fontSize: 10,
    color: COLOR.accent,
    alignment: farEdge(view),
    margin: [0, 7, 0, 0],
  }];
  // Where lines end at the left, nothing may stand between the amount and the edge.
  const unused = view.words.direction === "rtl" ? 0 : width;
  return {
    margin: [0, 14, 0, 0],
    columns: inOrder<PdfNode>(view, [{
      width: PAGE[view.paper].content - (link.length === 0 ? unused : width),
      text: words,
      lineHeight: 1.1,
    }, ...link]),
  };
}

/** The totals, with the remarks at their left where those are short. */
export function sums(view: InvoiceView): PdfNode {
  const beside = view.remarksBeside ? view.remarks : [];
  return {
    unbreakable: true,
    margin: [0, 6, 0, 0],
    columnGap: COLUMN_GAP,
    columns: inOrder<PdfNode>(view, [
      {
        width: PAGE[view.paper].content - TOTALS_WIDTH - COLUMN_GAP,
        stack: beside.map((remark, index) => paragraph(remark, 40, index ? 10 : 6)),
      },
      { width: TOTALS_WIDTH, ...totalTable(view, TOTALS_WIDTH) },
    ]),
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
