import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { runCommand } from "../runner/command.ts";
import { platform } from "../support/platform-env.ts";

/** `npm run demo` writes exactly this and nothing more. */
const summarySchema = z.strictObject({
  period: z.literal("2026-06"),
  invoices: z.array(z.strictObject({
    client: z.string(),
    number: z.string(),
    status: z.enum(["open", "paid", "void"]),
    currency: z.string(),
    subtotal_minor: z.int(),
    discount_minor: z.int(),
    tax_minor: z.int(),
    total_minor: z.int(),
    html: z.string(),
    pdf: z.string(),
  })),
  quarantined: z.array(z.strictObject({ reason: z.string(), rows: z.int() })),
  blocked: z.array(z.strictObject({ client: z.string(), reason: z.string() })),
  discrepancies: z.int(),
});

/** In the order of their numbers; the same on every machine, every time. */
const TOTALS: Record<string, string> = {
  "Acme Robotics": "12500 USD",
  "Aroha Orchards": "5806 USD",
  "Birch & Co": "5000 USD",
  "Brandenburg Antriebstechnik GmbH": "7807 EUR",
  "Cedar Grove Hospitals": "12540 USD",
  "Foxglove Media": "12773 USD",
  "Harbourlight Logistics": "13860 USD",
  "Juniper Biologics": "23367 USD",
  "Kestrel Freight": "19000 USD",
  "Laboratoires Sainte-Marguerite de recherche appliquée et de développement pharmaceutique du Québec inc.":
    "7906 USD",
  "Lantern Books": "4000 USD",
  "Liffey & Daughters Solicitors LLP": "17291 USD",
  "Meadowlark Schools": "5000 USD",
  "Orchid Airways": "21421 USD",
  "Pinnacle Tutors": "18026 USD",
  "Quarry Street Bank": "100000 USD",
  "Rowan Energy Cooperative": "5000 USD",
  "Saltmarsh Mutual Insurance": "12072 USD",
  "Sundial Observatories": "5000 USD",
  "Tamarind Foods": "5000 USD",
  "Umber & Ochre Studio": "5000 USD",
  "Vesper Telecom": "13027 USD",
  "Willow Creek Veterinary": "8210 USD",
  "Αιγαίο Ναυτιλιακή Α.Ε.": "6553 USD",
  "شركة الواحة للتجارة": "15000 KWD",
  "みどり機械株式会社": "12106 JPY",
};

Deno.test("the demo's June comes to the same invoices every time, on disk and checked twice", async () => {
  const folder = await Deno.makeTempDir({ prefix: "leveredge demo " });
  try {
    const { success, output } = await runCommand(Deno.execPath(), [
      "run",
      "--allow-all",
      "--no-check",
      "dev/demo/main.ts",
      `--engine=${platform.engine}`,
      `--out=${folder}`,
    ]);
    strictEqual(success, true, output);
    match(output, /agrees with every invoice to the cent/);
    const text = await Deno.readTextFile(join(folder, "summary.json"));
    const summary = summarySchema.parse(JSON.parse(text));
    const totals = summary.invoices.map((invoice) => [
      invoice.client,
      `${invoice.total_minor} ${invoice.currency}`,
    ]);
    deepStrictEqual(totals, Object.entries(TOTALS));
    deepStrictEqual(
      summary.invoices.map(({ number }) => number),
      totals.map((_, index) => `INV-2026-${String(index + 1).padStart(6, "0")}`),
    );
    deepStrictEqual(summary.quarantined, [
      { reason: "no_client", rows: 37 },
      { reason: "outside_service", rows: 1 },
      { reason: "unknown_client", rows: 12 },
      { reason: "unpriced_usage", rows: 301 },
    ]);
    deepStrictEqual(summary.blocked.map(({ client }) => client), ["Nimbus Forge"]);
    strictEqual(summary.discrepancies, 0);
    await documentsAreThere(folder, summary.invoices);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function documentsAreThere(
  folder: string,
  invoices: readonly { number: string; html: string; pdf: string }[],
): Promise<void> {
  for (const { number, html, pdf } of invoices) {
    const page = await Deno.readTextFile(join(folder, html));
    match(page, /^<!doctype html>/);
    match(page, new RegExp(number));
    const bytes = await Deno.readFile(join(folder, pdf));
    strictEqual(new TextDecoder().decode(bytes.slice(0, 5)), "%PDF-");
  }
  const files = await Array.fromAsync(Deno.readDir(folder));
  strictEqual(files.length, 2 * invoices.length + 1);
}
