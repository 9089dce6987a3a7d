import { join } from "node:path";
import { z } from "zod";
import type { MonthInvoice } from "../test/support/june/month.ts";
import type { DataApi } from "./send.ts";

const htmlAnswer = z.object({ number: z.string(), html: z.string() });

/**
 * Has every invoice drawn by the edge function and writes `invoice-<number>.html` and `.pdf` into
 * a folder. Throws when the function does not answer with a document.
 */
export async function renderInvoices(
  api: DataApi,
  invoices: readonly MonthInvoice[],
  folder: string,
  tell: (documents: number) => void,
): Promise<void> {
  let done = 0;
  for (const { id, number } of invoices) {
    const html = htmlAnswer.parse(await (await render(api, id, "html")).json());
    await Deno.writeTextFile(join(folder, fileName(number, "html")), html.html);
    tell(done += 1);
    const pdf = new Uint8Array(await (await render(api, id, "pdf")).arrayBuffer());
    await Deno.writeFile(join(folder, fileName(number, "pdf")), pdf);
    tell(done += 1);
  }
}

/** The file that an invoice is written to. */
export function fileName(number: string, format: "html" | "pdf"): string {
  return `invoice-${number}.${format}`;
}

async function render({ url, secretKey }: DataApi, id: string, format: "html" | "pdf") {
  const response = await fetch(`${url}/functions/v1/render-invoice`, {
    method: "POST",
    headers: { apikey: secretKey, "Content-Type": "application/json" },
    body: JSON.stringify({ invoice_id: id, format }),
  });
  if (!response.ok) {
    throw new Error(`rendering ${id} as ${format}: ${response.status} ${await response.text()}`);
  }
  return response;
}
