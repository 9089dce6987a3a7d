import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { languageOf, LANGUAGES } from "../../../shared/words/languages.ts";
import { ENGLISH } from "./english.ts";
import { dictionaryOf, isKey, languageFor, localesFor, sayOf } from "./words.ts";

const placesOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

for (const code of Object.keys(LANGUAGES)) {
  Deno.test(`${code}: every text of the console is there, with the same values`, async () => {
    const language = languageOf(code) ?? "en";
    const dictionary = await dictionaryOf(language);
    deepStrictEqual(Object.keys(dictionary).sort(), Object.keys(ENGLISH).sort());
    let same = 0;
    for (const [key, english] of Object.entries(ENGLISH)) {
      ok(isKey(key));
      const text = dictionary[key];
      ok(text.trim() !== "", key);
      deepStrictEqual(placesOf(text), placesOf(english), key);
      if (text === english) same++;
    }
    if (language !== "en") ok(same < 20, `${same} texts are still English`);
  });
}

Deno.test("values are put in, and kept apart where text runs to the left", async () => {
  strictEqual(sayOf(ENGLISH, "en")("why", { amount: "$4.00" }), "Why $4.00");
  const arabic = sayOf(await dictionaryOf("ar"), "ar");
  ok(arabic("why", { amount: "$4.00" }).includes("\u2068$4.00\u2069"));
  strictEqual(sayOf(ENGLISH, "en")("why"), "Why {amount}", "a forgotten value is seen");
});

Deno.test("the address says the language, then the browser, then it is English", () => {
  strictEqual(languageFor("?lang=ar", ["de-CH"]), "ar");
  strictEqual(languageFor("?lang=xx", ["sv", "de-CH"]), "de");
  strictEqual(languageFor("", ["sv"]), "en");
});

Deno.test("a region keeps its habits, and digits are Latin", () => {
  deepStrictEqual(localesFor("de", ["fr", "de-CH"]), ["de-CH"]);
  deepStrictEqual(localesFor("ja", ["en-US"]), ["ja"]);
  deepStrictEqual(localesFor("ar", ["ar-EG"]), ["ar-EG-u-nu-latn"]);
  strictEqual(
    new Intl.NumberFormat([...localesFor("ar", [])]).format(1234).replace(/\D/g, ""),
    "1234",
  );
});
