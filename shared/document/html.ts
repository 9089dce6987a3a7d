import { Eta } from "eta/core";
import { STYLE } from "./html-style.ts";
import { TEMPLATE } from "./html-template.ts";
import type { InvoiceView } from "./view.ts";

const eta = new Eta({ autoEscape: true, autoTrim: false, useWith: false, varName: "it" });
const render = eta.compile(TEMPLATE);

/**
 * The view as one HTML page that needs nothing else: no scripts, no fonts, no images from
 * elsewhere. The same view gives the same characters. All text is escaped; text from outside stands
 * in `<bdi>`, so that a name of the other direction cannot move the figures beside it.
 */
export function renderHtml(view: InvoiceView): string {
  return render.call(eta, { view, style: STYLE });
}
