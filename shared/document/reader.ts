import { languageOf } from "../words/languages.ts";
import type { LineText } from "../words/line-words.ts";
import { type Words, wordsOf } from "../words/words.ts";
import {
  ARABIC,
  formatDay,
  formatPrice,
  formatQuantity,
  type LocaleFormat,
  localeFormat,
} from "./locale.ts";
import type { InvoiceDocument } from "./schema.ts";

/** Who reads a document: in which words, and how numbers, money and days are written. */
export interface Reader {
  readonly words: Words;
  readonly format: LocaleFormat;
}

/** The reader of a document. Its language is frozen with it; where none is, it is English. */
export function readerOf(
  { locale, language }: Pick<InvoiceDocument, "locale" | "language">,
): Reader {
  const words = wordsOf(languageOf(language ?? "") ?? "en");
  return { words, format: words.language === "ar" ? ARABIC : localeFormat(locale) };
}

/** What lines are put into the reader's words by. */
export function lineTextOf(
  { words, format }: Reader,
  { exponent }: Pick<InvoiceDocument, "exponent">,
): LineText {
  return {
    words,
    day: (day) => formatDay(day, format),
    number: (decimal) => formatQuantity(decimal, format),
    money: (decimal, currency) => formatPrice(decimal, { currency, exponent }, format),
  };
}
