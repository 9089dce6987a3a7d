import { Eta } from "eta/core";
import { renderHtml } from "../../shared/document/html.ts";
import { acme } from "../../shared/document/samples.ts";
import { type InvoiceView, invoiceView } from "../../shared/document/view.ts";
import { loadFonts } from "../../supabase/functions/_shared/pdf/fonts.ts";
import { renderPdf } from "../../supabase/functions/_shared/pdf/render.ts";
import { printPdf } from "../../supabase/functions/_shared/pdf/vendor.js";
import { alternate, duration, type Figure, perSecond, timed } from "./figure.ts";
import type { Sizes } from "./sizes.ts";

const LINES = 20;

/** `render_html` and `render_pdf`: an invoice of 20 lines on one core. */
export async function measureDocuments(sizes: Sizes): Promise<Figure[]> {
  const view = viewOf(0);
  const page = new Eta({ autoEscape: true });
  // The same length of text, nothing to fill in.
  const empty = page.compile(renderHtml(view).replaceAll("<%", ""));
  const fonts = await loadFonts(["Latin"]);
  const blank = { content: [{ text: " " }], defaultStyle: { font: "Latin" } };
  await renderPdf(view);
  await printPdf(blank, fonts);
  const html = await alternate(
    5,
    () => each(sizes.documents * 10, () => Promise.resolve(renderHtml(view))),
    () => each(sizes.documents * 10, () => Promise.resolve(empty.call(page, {}))),
  );
  let printed = 0;
  const pdf = await alternate(
    3,
    () => each(sizes.documents, () => renderPdf(viewOf(printed += 1))),
    () => each(sizes.documents, () => printPdf(blank, fonts)),
  );
  return [{
    key: "render_html",
    what: `an invoice of ${LINES} lines as HTML`,
    floor: "a template of the same size with nothing in it",
    value: html.ours / html.floor,
    unit: "×",
    target: {},
    detail: `${perSecond(1, html.ours)} on one core, ${duration(html.ours)} against ` +
      duration(html.floor),
  }, {
    key: "render_pdf",
    what: `milliseconds for an invoice of ${LINES} lines as PDF`,
    floor: "an empty one-page document of pdfmake",
    value: pdf.ours,
    unit: "ms",
    target: { atMost: 20 },
    detail: `${perSecond(1, pdf.ours)} on one core, ${(pdf.ours / pdf.floor).toFixed(1)} × ` +
      `the empty document's ${duration(pdf.floor)}`,
  }];
}

/** An invoice with amounts of its own in each line: what has been printed before helps with words. */
function viewOf(number: number): InvoiceView {
  const [line] = acme.lines;
  if (line === undefined) throw new Error("the sample has no line");
  const lines = Array.from({ length: LINES }, (_, place) => ({
    ...line,
    quantity: String(1_000_000 + number * 977_131 + place * 13_577),
    amount_minor: 3000 + number * 9767 + place * 131,
  }));
  return invoiceView({ ...acme, lines });
}

async function each(count: number, work: () => Promise<unknown>): Promise<number> {
  const took = await timed(async () => {
    for (let number = 0; number < count; number++) await work();
  });
  return took / count;
}
