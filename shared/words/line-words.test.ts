import assert from "node:assert/strict";
import { sampleIn } from "../document/language-samples.ts";
import { lineTextOf, readerOf } from "../document/reader.ts";
import type { Language } from "./languages.ts";
import {
  itemDescription,
  lineDescription,
  lineDetails,
  reasonText,
  unitText,
} from "./line-words.ts";
import { withoutIsolates, wordsOf } from "./words.ts";

function textOf(language: Language) {
  const document = sampleIn(language);
  return lineTextOf(readerOf(document), document);
}

const plain = (text: string) => withoutIsolates(text).replaceAll("\u00a0", " ");

Deno.test("descriptions of the system are said in German", () => {
  const to = textOf("de");
  const said = {
    "Claude Sonnet · input tokens": "Claude Sonnet · Eingabe-Tokens",
    "GPT-4o · batch long context 2 output tokens":
      "GPT-4o · Ausgabe-Tokens (Batch, langer Kontext 2)",
    "Cache write 1h tokens": "Cache-Schreib-Tokens (1 Std.)",
    "Late usage, May 2026 · Claude Opus · web searches":
      "Nachgereichte Nutzung, Mai 2026 · Claude Opus · Websuchen",
    "Late usage, 15 Apr 2026 – 14 May 2026 · Requests":
      "Nachgereichte Nutzung, 15.04.2026 – 14.05.2026 · Anfragen",
    "Claude Opus · reasoning tokens, June 2026": "Claude Opus · Reasoning-Tokens, Juni 2026",
    "Minimum monthly charge": "Monatlicher Mindestbetrag",
    "Minimum already charged, June 2026": "Bereits berechneter Mindestbetrag, Juni 2026",
    "Discount 12.5 %": "Rabatt 12,5 %",
    "Discount, June 2026": "Rabatt, Juni 2026",
    "Prepaid credit until 2026-12-31": "Vorausbezahltes Guthaben bis 31.12.2026",
    "Credit for invoice INV-2026-000001": "Gutschrift zu Rechnung INV-2026-000001",
  };
  for (const [english, german] of Object.entries(said)) {
    assert.equal(lineDescription(english, to), german);
    assert.equal(lineDescription(english, textOf("en")), english);
  }
});

Deno.test("words of agents, models and people stay as they are", () => {
  const to = textOf("de");
  for (
    const text of [
      "Claude Sonnet · images",
      "Voice minutes",
      "Late usage, sometime · X",
      "constructor",
      "A · toString",
      "Discount for friends",
      "Meeting, Berlin 2026",
    ]
  ) assert.equal(lineDescription(text, to), text);
  assert.equal(itemDescription("Discount", to), "Discount");
  assert.equal(itemDescription("Workshop, June 2026", to), "Workshop, Juni 2026");
  assert.equal(reasonText("Requests", to), "Requests");
  assert.equal(unitText("images", wordsOf("de")), "images");
});

Deno.test("reasons of the system are said, those of people stay", () => {
  assert.equal(
    reasonText("Usage of June 2026 corrected", textOf("ja")),
    "2026年6月 の利用の訂正",
  );
  assert.equal(reasonText("Refunded in Stripe", textOf("nl")), "Terugbetaald via Stripe");
  assert.equal(reasonText("Two searches too many", textOf("nl")), "Two searches too many");
});

Deno.test("small print says minimum and cost with the reader's amounts", () => {
  const of = (text: string, language: Language) => lineDetails(text, textOf(language)).map(plain);
  assert.deepEqual(of("minimum EUR 1000.00, 20 of 30 days", "de"), [
    "Mindestbetrag 1.000,00 €, 20 von 30 Tagen",
  ]);
  assert.deepEqual(of("minimum EUR 50.00", "fr"), ["minimum 50,00 €"]);
  assert.deepEqual(of("minimum EUR 50.00, 3 of 30 days", "ar"), [
    "الحد الأدنى €50.00، 3 من 30 يوما",
  ]);
  assert.deepEqual(of("opus · list $3.00 per 1M + 20 % + $0.10 per 1M × 1.5", "es"), [
    "opus",
    "precio de lista $3.00 por 1M + 20 % + $0.10 por 1M × 1.5",
  ]);
  assert.deepEqual(of("opus · logged cost $4.20 + 20 %", "it"), [
    "opus",
    "costo registrato $4.20 + 20 %",
  ]);
  assert.deepEqual(of("pay · amounts as logged", "pt"), ["pay", "valores conforme registados"]);
  assert.deepEqual(of("pay · 2.5 %", "pt"), ["pay", "2.5 %"]);
  assert.deepEqual(of("minimum EUR 50.00 · x", "en"), ["minimum EUR 50.00 · x"]);
});
