import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { directionOf } from "../words/languages.ts";
import { withoutIsolates } from "../words/words.ts";
import { renderHtml } from "./html.ts";
import { ALL_LANGUAGES, sampleIn, sampleNoteIn } from "./language-samples.ts";
import { acme } from "./samples.ts";
import { InvoiceDocument } from "./schema.ts";
import { invoiceView } from "./view.ts";

const plain = (text: string) => withoutIsolates(text).replaceAll("\u00a0", " ");

/** Every text of a document that is not a name, a figure or a description that people typed. */
function ownWords(document: InvoiceDocument): string[] {
  const view = invoiceView(document);
  return [
    view.title,
    ...view.facts.flatMap(({ label, detail }) => [label, detail ?? ""]),
    view.seller.label,
    view.client.label,
    view.headline.text,
    ...view.lines.flatMap((line) => [line.description, ...line.details, ...line.tiers, line.unit]),
    ...view.totals.map(({ label }) => label),
    ...view.remarks.map(({ title }) => title),
    view.chart?.title ?? "",
  ].filter((text) => text !== "Onboarding workshop").map(plain);
}

// Words of English that stand in no other of these languages' texts.
const ENGLISH =
  /\b(invoice|due|days in|bill to|from|usage|input|output|search|late|minimum monthly|days|of|up to|above|list|per 1M|discount|on|left|until|balance|payment|reason|corrected)\b/i;

for (const language of ALL_LANGUAGES) {
  Deno.test(`${language}: a document says nothing of its own in English`, () => {
    for (const document of [sampleIn(language), sampleNoteIn(language)]) {
      InvoiceDocument.parse(document);
      const words = ownWords(document).join("\n")
        // Names that are the same everywhere, and words that other languages share.
        .replaceAll(/Claude \w+|claude-[\w-]+|SCHOLAR|Europe\/Berlin|VAT/g, "");
      if (language === "en") assert.match(words, ENGLISH);
      else if (language !== "nl" && language !== "it") assert.doesNotMatch(words, ENGLISH);
      else assert.doesNotMatch(words.replaceAll("per 1M", ""), ENGLISH);
    }
  });

  Deno.test(`${language}: the page says its language and its direction`, () => {
    const html = renderHtml(invoiceView(sampleIn(language)));
    const direction = directionOf(language);
    assert(html.includes(`<html lang="${language}" dir="${direction}">`));
    assert.equal(html.includes("letter-spacing: 0; }"), direction === "rtl");
    assert(!/[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/.test(html));
    assert.equal(html.split("<bdi>").length, html.split("</bdi>").length);
    assert.match(html, /content: ([^;]*counter\(page\)[^;]*counter\(pages\)[^;]*);/);
  });
}

Deno.test("the same document in each language is the same page, on every runtime", () => {
  const digest = createHash("sha256");
  for (const language of ALL_LANGUAGES) {
    for (const document of [sampleIn(language), sampleNoteIn(language)]) {
      digest.update(renderHtml(invoiceView(document)));
    }
  }
  // Changes with the design and the words: look at the pages, then take over the value.
  assert.equal(digest.digest("hex").slice(0, 16), "1865a663c49eb00a");
});

Deno.test("a document that names no language is English, whatever its locale", () => {
  const { title, totals } = invoiceView({ ...acme, locale: "ar-KW" });
  assert.equal(title, "Invoice");
  assert.equal(totals.at(-1)?.label, "Amount due");
  assert.match(renderHtml(invoiceView({ ...acme, locale: "ar-KW" })), /<html lang="en" dir="ltr">/);
});

Deno.test("a language that this version does not know is English", () => {
  assert.equal(invoiceView({ ...acme, language: "sv" }).title, "Invoice");
});

Deno.test("the German invoice says every figure in German", () => {
  const view = invoiceView(sampleIn("de"));
  assert.deepEqual(view.totals.map(({ label, value }) => plain(`${label}: ${value}`)), [
    "Zwischensumme: 174,47 €",
    "Rabatt 10 %: -7,45 €",
    "VAT 19% auf 167,02 €: 31,73 €",
    "Gesamtbetrag: 198,75 €",
    "Vorausbezahltes Guthaben bis 31.12.2026 (noch 25,00 €): -50,00 €",
    "Verrechnetes Guthaben: -5,00 €",
    "Zu zahlen: 143,75 €",
  ]);
  assert.deepEqual(view.lines.map(({ description }) => description), [
    "Claude Sonnet · Eingabe-Tokens",
    "Claude Sonnet · Ausgabe-Tokens (Batch, langer Kontext)",
    "Claude Opus · Reasoning-Tokens",
    "Websuchen",
    "Nachgereichte Nutzung, Mai 2026 · Claude Sonnet · Cache-Lese-Tokens",
    "Monatlicher Mindestbetrag",
    "Onboarding workshop",
  ]);
  assert.deepEqual(view.lines[2]?.tiers.map(plain), [
    "bis 1.000.000: 3,00 € je 1M",
    "darüber: 1,75 € je 1M + 1,00 €",
  ]);
});

Deno.test("the Arabic invoice isolates amounts, and days do not begin with the year", () => {
  const view = invoiceView(sampleIn("ar"));
  assert.equal(view.facts[1]?.value, "01/07/2026");
  assert.equal(
    view.lines[2]?.tiers[1],
    "ما فوق ذلك: \u2068€1.75\u2069 لكل \u20681M\u2069 + \u2068€1.00\u2069",
  );
  assert.equal(view.facts[3]?.value, "من \u206801/06/2026\u2069 إلى \u206830/06/2026\u2069");
});
