import * as arabic from "./arabic.ts";
import * as dutch from "./dutch.ts";
import * as english from "./english.ts";
import type {
  CommonWords,
  CountedWords,
  DocumentWords,
  MailWords,
  StripeWords,
} from "./english.ts";
import * as french from "./french.ts";
import * as german from "./german.ts";
import * as italian from "./italian.ts";
import * as japanese from "./japanese.ts";
import { directionOf, type Language } from "./languages.ts";
import * as portuguese from "./portuguese.ts";
import * as spanish from "./spanish.ts";

/** All words of documents, mails and invoices in Stripe in one language. */
export interface Words {
  readonly language: Language;
  readonly direction: "ltr" | "rtl";
  readonly texts: CommonWords & DocumentWords & MailWords & StripeWords;
  readonly counted: CountedWords;
}

/** Names a text. */
export type WordKey = keyof Words["texts"];

type Values = Readonly<Record<string, string | number>>;

interface Dictionary {
  readonly COMMON: CommonWords;
  readonly DOCUMENT: DocumentWords;
  readonly MAIL: MailWords;
  readonly STRIPE: StripeWords;
  readonly COUNTED: CountedWords;
}

function words(language: Language, { COMMON, DOCUMENT, MAIL, STRIPE, COUNTED }: Dictionary): Words {
  return {
    language,
    direction: directionOf(language),
    texts: { ...COMMON, ...DOCUMENT, ...MAIL, ...STRIPE },
    counted: COUNTED,
  };
}

const WORDS: Readonly<Record<Language, Words>> = {
  en: words("en", english),
  de: words("de", german),
  fr: words("fr", french),
  es: words("es", spanish),
  it: words("it", italian),
  nl: words("nl", dutch),
  pt: words("pt", portuguese),
  ja: words("ja", japanese),
  ar: words("ar", arabic),
};

/** The words of a language. */
export function wordsOf(language: Language): Words {
  return WORDS[language];
}

/**
 * A text with its `{values}` put in. Where text runs to the left, each value that does not is
 * isolated, so that its parts keep their order; addresses of pages are not, because readers of mails
 * would take the mark for a part of the link.
 */
export function say({ texts, direction }: Words, key: WordKey, values: Values = {}): string {
  return filled(texts[key], values, direction);
}

/** A text that depends on a count, with `{count}` put in. */
export function sayCount(
  { language, counted, direction }: Words,
  key: keyof CountedWords,
  count: number,
  values: Values = {},
): string {
  const forms = counted[key];
  const text = forms[new Intl.PluralRules(language).select(count)] ?? forms.other;
  return filled(text, { count, ...values }, direction);
}

/** An amount inside a text that is put together: its sign and currency stay where they are. */
export function apart(text: string, { direction }: Words): string {
  return direction === "rtl" ? isolated(text) : text;
}

/** The name of a month, `01` to `12`. */
export function monthName({ texts }: Words, month: string): string {
  const key = MONTHS[Number(month) - 1];
  return key === undefined ? month : texts[key];
}

/** A text as it begins a line. */
export function capitalised(text: string): string {
  const [first = ""] = text;
  return `${first.toUpperCase()}${text.slice(first.length)}`;
}

/** The text without the marks that isolate values: for what shows a single line of plain text. */
export function withoutIsolates(text: string): string {
  return text.replace(/[\u2068\u2069]/g, "");
}

const MONTHS = [
  "month1",
  "month2",
  "month3",
  "month4",
  "month5",
  "month6",
  "month7",
  "month8",
  "month9",
  "month10",
  "month11",
  "month12",
] as const;

function filled(text: string, values: Values, direction: Words["direction"]): string {
  const given = new Map(Object.entries(values));
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
    const value = given.get(name);
    if (value === undefined) return whole;
    const isKept = direction === "ltr" || /^https?:/.test(String(value));
    return isKept || runsToTheLeft(String(value)) ? String(value) : isolated(String(value));
  });
}

function isolated(text: string): string {
  return `\u2068${text}\u2069`;
}

/** Whether the first letter that says a direction, outside of what is isolated, is Arabic. */
function runsToTheLeft(text: string): boolean {
  const [letter = ""] = text.replaceAll(/\u2068[^\u2068\u2069]*\u2069/g, "").match(/\p{L}/u) ?? [];
  return /[\u0600-\u08ff]/.test(letter);
}
