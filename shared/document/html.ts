import { Eta } from "eta/core";
import { capitalised } from "../words/words.ts";
import { RIGHT_TO_LEFT_STYLE, STYLE } from "./html-style.ts";
import { REMARKS, TEMPLATE } from "./html-template.ts";
import type { InvoiceView, Remark } from "./view.ts";

const eta = new Eta({ autoEscape: true, autoTrim: false, useWith: false, varName: "it" });
const page = eta.compile(TEMPLATE);
const paragraphs = eta.compile(REMARKS);

/**
 * The view as one HTML page that needs nothing else: no scripts, no fonts, no images from
 * elsewhere. The same view gives the same characters. All text is escaped; text from outside stands
 * in `<bdi>`, so that a name of the other direction cannot move the figures beside it. So do values
 * in sentences that run to the left.
 */
export function renderHtml(view: InvoiceView): string {
  const { direction, texts } = view.words;
  const html = page.call(eta, {
    view,
    style: direction === "rtl" ? `${STYLE}${RIGHT_TO_LEFT_STYLE}` : STYLE,
    pageOf: pageCounter(texts.page),
    usage: [texts.requests, texts.inputTokens, texts.outputTokens, texts.otherUnits]
      .map(capitalised),
    remarks,
  });
  return isolatesAsMarkup(html);
}

function remarks(list: readonly Remark[]): string {
  return paragraphs.call(eta, { remarks: list });
}

/** Marks that isolate as elements that do. Text from outside has none: see `text.ts`. */
export function isolatesAsMarkup(html: string): string {
  return html.replaceAll("\u2068", "<bdi>").replaceAll("\u2069", "</bdi>");
}

/** `Page {page} of {pages}` as the value of `content`, which counts by itself. */
function pageCounter(text: string): string {
  return text.split(/(\{pages?\})/).filter((part) => part !== "").map((part) =>
    part === "{page}"
      ? "counter(page)"
      : part === "{pages}"
      ? "counter(pages)"
      : JSON.stringify(part)
  ).join(" ");
}
