import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { extractText, getDocumentProxy } from "unpdf";
import {
  ALL_LANGUAGES,
  sampleIn,
  sampleNoteIn,
} from "../../../../shared/document/language-samples.ts";
import type { InvoiceDocument } from "../../../../shared/document/schema.ts";
import { type InvoiceView, invoiceView } from "../../../../shared/document/view.ts";
import { capitalised, withoutIsolates, wordsOf } from "../../../../shared/words/words.ts";
import { renderPdf } from "./render.ts";
import { textRuns } from "./runs.ts";

/** The text of a file, without spaces: columns and lines may break a text anywhere. */
async function textOf(document: InvoiceDocument): Promise<string> {
  const { text } = await extractText(
    await getDocumentProxy(await renderPdf(invoiceView(document))),
  );
  return squeezed(text.join(" "));
}

function squeezed(text: string): string {
  return withoutIsolates(text).replace(/\s+/g, "").toLowerCase();
}

/**
 * Whether a word is there. Readers of PDFs turn right-to-left text by glyphs, and with it the letters
 * of those that stand for two: the letters are compared, not their order.
 */
function hasLettersOf(found: string, word: string): boolean {
  const sorted = [...word].sort().join("");
  for (let at = 0; at + word.length <= found.length; at++) {
    if ([...found.slice(at, at + word.length)].sort().join("") === sorted) return true;
  }
  return false;
}

/** Every text of our own, and every figure. */
function textsOf(view: InvoiceView): string[] {
  const { texts } = view.words;
  return [
    view.title,
    view.headline.amount,
    view.headline.text,
    view.seller.label,
    view.client.label,
    ...view.facts.flatMap(({ label, value, detail }) => [label, value, detail ?? ""]),
    ...view.lines.flatMap(({ description, details, tiers }) => [description, ...details, ...tiers]),
    ...view.lines.flatMap(({ quantity, unit, unitPrice, per, amount }) => [
      quantity,
      unit,
      unitPrice,
      per,
      amount,
    ]),
    ...view.totals.flatMap(({ label, value }) => [label, value]),
    ...view.remarks.map(({ title }) => title),
    ...[texts.description, texts.quantity, texts.unitPrice, texts.amount],
    ...(view.agents.length === 0 ? [] : [
      texts.usageByAgent,
      texts.requests,
      texts.inputTokens,
      texts.outputTokens,
      texts.otherUnits,
    ].map(capitalised)),
    view.chart?.title ?? "",
  ];
}

for (const language of ALL_LANGUAGES) {
  Deno.test(`${language}: words and figures can be read out of the PDF`, async () => {
    for (const document of [sampleIn(language), sampleNoteIn(language)]) {
      const found = await textOf(document);
      const view = invoiceView(document);
      assert(!found.includes("□"), "a font lacks a letter");
      for (const text of textsOf(view)) {
        const isThere = language === "ar"
          ? text.split(/[\s()،:]+/).every((word) => hasLettersOf(found, squeezed(word)))
          : found.includes(squeezed(text));
        assert(isThere, `${text} is not in ${found}`);
      }
    }
  });

  Deno.test(`${language}: the file says its language`, async () => {
    const file = await getDocumentProxy(await renderPdf(invoiceView(sampleIn(language))));
    const { info } = await file.getMetadata();
    const { Language, Title } = Object.fromEntries(Object.entries(info));
    assert.equal(Language, language);
    assert.equal(Title, `${wordsOf(language).texts.invoice} INV-2026-000201`);
  });
}

Deno.test("the same document in each language is the same file, on every runtime", async () => {
  const digest = createHash("sha256");
  for (const language of ALL_LANGUAGES) {
    for (const document of [sampleIn(language), sampleNoteIn(language)]) {
      digest.update(await renderPdf(invoiceView(document)));
    }
  }
  // Changes with the design and the words: look at the pages, then take over the value.
  assert.equal(digest.digest("hex").slice(0, 16), "651d0e94b9b92345");
});

Deno.test("a letter can be read although it was a part of another before", async () => {
  const printed = (note: string) =>
    textOf({
      ...sampleNoteIn("en"),
      references: { invoice_number: "1", replaces: null, reason: note },
    });
  await printed("Ѐ Ѓ Ї Ќ Ѝ Ў Й");
  const found = await printed("ЕГІКИУ");
  assert(found.includes("егікиу"), found);
});

Deno.test("an Arabic invoice is laid out from the right edge", async () => {
  const file = await getDocumentProxy(await renderPdf(invoiceView(sampleIn("ar"))));
  const { items } = await (await file.getPage(1)).getTextContent();
  const placed = items.flatMap((item) => "str" in item && item.str.trim() ? [item] : []);
  const rightOf = (text: string) => {
    const item = placed.find(({ str }) => str.replace(/\s/g, "") === text);
    assert(item, text);
    return Math.round(item.transform[4] + item.width);
  };
  const edge = 595.28 - 48;
  assert(Math.abs(rightOf("فاتورة") - edge) <= 1);
  assert(Math.abs(rightOf("Onboardingworkshop") - edge) <= 1);
  const columns = ["10,000,000", "€3.00", "€30.00"].map(rightOf);
  assert.deepEqual(columns, columns.toSorted((one, other) => other - one));
});

Deno.test("isolated values keep their order within a line and beyond its end", () => {
  const visual = (text: string, length: number) =>
    textRuns(text, length).map((run) => run.text).filter((piece) => piece !== " ").join(" ");
  assert.equal(visual("من \u2068INV-2026-1\u2069 إلى", 40), "إلى INV-2026-1 من");
  assert.equal(visual("حتى \u2068€1.00\u2069", 40), "€1.00 حتى");
  assert.equal(visual("شركة \u2068one two\u2069 ثم", 8), "one شركة \n ثم two");
});
