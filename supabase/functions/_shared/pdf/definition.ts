import { Buffer } from "node:buffer";
import type { Annex, InvoiceView } from "../../../../shared/document/view.ts";
import { facts, headline, paragraph, parties, sums, top } from "./blocks.ts";
import { chart } from "./chart.ts";
import { say, withoutIsolates } from "../../../../shared/words/words.ts";
import { COLOR, farEdge, inOrder, ours, PAGE, rich, rule } from "./parts.ts";
import { agentTable, lineTable } from "./tables.ts";
import type { PdfNode } from "./vendor.js";

/** The view as pdfmake's document definition: the same content, in the same order, as the HTML. */
export function pdfDefinition(view: InvoiceView): PdfNode {
  const page = PAGE[view.paper];
  const date = new Date(`${view.datedOn}T00:00:00Z`);
  const { words, title } = view;
  return {
    pageSize: view.paper.toUpperCase(),
    pageMargins: [page.margin, 42, page.margin, 48],
    version: "1.7",
    language: words.language,
    displayTitle: true,
    info: {
      title: `${title} ${view.number}`,
      author: view.seller.name,
      subject: withoutIsolates(say(words, "documentFor", { title, client: view.client.name })),
      creator: "LeverEdge Billing",
      producer: "LeverEdge Billing",
      creationDate: date,
      modDate: date,
    },
    ...(view.annex === null
      ? {}
      : { files: { annex: fileOf(view.annex, date, words.texts.allLines) } }),
    defaultStyle: {
      font: "Latin",
      fontSize: 9,
      lineHeight: 1.3,
      color: COLOR.ink,
      ...(words.direction === "rtl" ? { alignment: "right" } : {}),
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

/** A file within the file; dates are the document's, so that the bytes are always the same. */
function fileOf({ name, type, content }: Annex, date: Date, description: string): PdfNode {
  return {
    src: `data:${type};base64,${Buffer.from(content, "utf8").toString("base64")}`,
    name,
    description,
    creationDate: date,
    modifiedDate: date,
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
      { ...ours(`${view.title} ${view.number}`, 90), fontSize: 8, color: COLOR.muted },
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
    columns: inOrder<PdfNode>(view, [
      {
        width: PAGE[view.paper].content - 90,
        ...rich(`${view.number} · ${text}`, 90),
      },
      {
        width: 90,
        ...ours(say(view.words, "page", { page, pages }), 30),
        alignment: farEdge(view),
      },
    ]),
  };
}
