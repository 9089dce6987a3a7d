import { Eta } from "eta/core";
import { STYLE } from "./html-style.ts";
import { REMARKS, TEMPLATE } from "./html-template.ts";
import type { InvoiceView, Remark } from "./view.ts";

const eta = new Eta({ autoEscape: true, autoTrim: false, useWith: false, varName: "it" });
const page = eta.compile(TEMPLATE);
const paragraphs = eta.compile(REMARKS);

/**
 * The view as one HTML page that needs nothing else: no scripts, no fonts, no images from
 * elsewhere. The same view gives the same characters. All text is escaped; text from outside stands
 * in `<bdi>`, so that a name of the other direction cannot move the figures beside it.
 */
export function renderHtml(view: InvoiceView): string {
  return page.call(eta, { view, style: STYLE, remarks });
}

function remarks(list: readonly Remark[]): string {
  return paragraphs.call(eta, { remarks: list });
}
