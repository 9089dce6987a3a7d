import assert from "node:assert/strict";
import { ALL_LANGUAGES } from "../document/language-samples.ts";
import { monthName, say, sayCount, withoutIsolates, type Words, wordsOf } from "./words.ts";

const english = wordsOf("en");
const placesOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

/** Texts that are the same in a language as in English. */
function sameTexts({ texts }: Words): string[] {
  const own = new Map(Object.entries(texts));
  return Object.entries(english.texts).flatMap(([key, text]) => own.get(key) === text ? [key] : []);
}

for (const language of ALL_LANGUAGES) {
  Deno.test(`${language}: documents and mails have every text, with the same values`, () => {
    const words = wordsOf(language);
    const own = new Map(Object.entries(words.texts));
    assert.deepEqual([...own.keys()].sort(), Object.keys(english.texts).sort());
    for (const [key, text] of Object.entries(english.texts)) {
      const said = own.get(key) ?? "";
      assert.notEqual(said.trim(), "", key);
      assert.deepEqual(placesOf(said), placesOf(text), key);
      // They stand in markup and in the style sheet of the page.
      assert.doesNotMatch(said, /[<>&"\\\u200e\u200f\u2066-\u2069\u202a-\u202e]/, key);
    }
    if (language !== "en") assert(sameTexts(words).length < 20, sameTexts(words).join(" "));
  });

  Deno.test(`${language}: each plural form of the language says the count`, () => {
    const { counted } = wordsOf(language);
    const rules = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, forms] of Object.entries(counted)) {
      const places = placesOf(new Map(Object.entries(english.counted)).get(key)?.other ?? "");
      for (const [rule, text] of Object.entries(forms)) {
        assert(rules.some((one) => one === rule), `${language} has no form ${rule}`);
        assert.deepEqual(placesOf(text), places, key);
      }
    }
  });
}

Deno.test("counts take the form of their language", () => {
  const lines = (language: Parameters<typeof wordsOf>[0], count: number) =>
    withoutIsolates(sayCount(wordsOf(language), "moreLines", count));
  assert.equal(lines("en", 20), "20 more lines");
  assert.deepEqual([1, 2].map((count) => lines("de", count)), [
    "1 weitere Position",
    "2 weitere Positionen",
  ]);
  assert.deepEqual([2, 3, 11, 100].map((count) => lines("ar", count)), [
    "بندان إضافيان (2)",
    "3 بنود إضافية",
    "11 بندا إضافيا",
    "100 بند إضافي",
  ]);
});

Deno.test("values that run to the right are isolated in text that runs to the left", () => {
  const arabic = wordsOf("ar");
  assert.equal(
    say(arabic, "invoiceTitle", { number: "INV-1" }),
    "الفاتورة \u2068INV-1\u2069",
  );
  assert.equal(say(arabic, "dear", { name: "شركة الأفق" }), "السادة شركة الأفق،");
  assert.equal(
    say(arabic, "managePaying", { url: "https://pay.example/" }),
    "إدارة وسائل الدفع: https://pay.example/",
    "a mark would become a part of the link",
  );
  assert.equal(say(wordsOf("de"), "invoiceTitle", { number: "INV-1" }), "Rechnung INV-1");
  assert.equal(say(english, "invoiceTitle"), "Invoice {number}", "a forgotten value is seen");
});

Deno.test("months have names", () => {
  assert.deepEqual(["01", "6", "12"].map((month) => monthName(wordsOf("fr"), month)), [
    "janvier",
    "juin",
    "décembre",
  ]);
});
