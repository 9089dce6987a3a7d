import type { InvoiceView } from "../../../../shared/document/view.ts";
import { pdfDefinition } from "./definition.ts";
import { loadFonts } from "./fonts.ts";
import { scriptsOf } from "./runs.ts";
import { printPdf } from "./vendor.js";

/**
 * The view as a PDF file. The same view gives the same bytes, on every runtime: dates come from the
 * document, identifiers from its content, and compression from a library instead of the platform.
 */
export async function renderPdf(
  view: InvoiceView,
): Promise<Uint8Array> {
  const fonts = await loadFonts(scriptsOf(JSON.stringify({ ...view, annex: null })));
  return await printPdf(pdfDefinition(view), fonts);
}
