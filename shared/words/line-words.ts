import { apart, capitalised, monthName, say, sayCount, type WordKey, type Words } from "./words.ts";

/**
 * Texts that the system itself has written on a line, in another language. The books have them in
 * English; all other text stays as it is: names of models, agents and taxes, words of people.
 */
export interface LineText {
  readonly words: Words;
  /** `2026-06-30` as the reader writes it. */
  readonly day: (day: string) => string;
  /** A number as the reader writes it. */
  readonly number: (decimal: string) => string;
  /** A decimal of major units in the given currency. */
  readonly money: (decimal: string, currency: string) => string;
}

/** The description of a line of a kind that only the system writes. */
export function lineDescription(text: string, to: LineText): string {
  if (to.words.language === "en") return text;
  const late = /^Late usage, (.+?) · (.+)$/.exec(text);
  const lateIn = late && periodText(late[1] ?? "", to);
  if (late && lateIn) {
    return say(to.words, "lateUsage", { period: lateIn, what: plain(late[2] ?? "", to) });
  }
  return ofPeriod(text, to, (rest) => plain(rest, to));
}

/** The description of an item that somebody typed: only the period that was put after it. */
export function itemDescription(text: string, to: LineText): string {
  return to.words.language === "en" ? text : ofPeriod(text, to, (rest) => rest);
}

/** The reason of a credit note, where the system gave it; reasons of people stay. */
export function reasonText(text: string, to: LineText): string {
  if (to.words.language === "en") return text;
  const corrected = /^Usage of (.+) corrected$/.exec(text);
  const period = corrected && periodText(corrected[1] ?? "", to);
  if (period) return say(to.words, "usageCorrected", { period });
  const sentence = own(REASONS, text);
  return sentence === undefined ? text : to.words.texts[sentence];
}

/** Small print of a line, part by part: model, then how the price came about. */
export function lineDetails(text: string, to: LineText): string[] {
  if (to.words.language === "en") return [text];
  return text.split(" · ").map((part) => detailPart(part, to));
}

/** `tokens`, `searches` or `units`; other units are named by those who log them. */
export function unitText(unit: string, { language, texts }: Words): string {
  if (language === "en") return unit;
  return unit === "tokens" || unit === "searches" || unit === "units" ? texts[unit] : unit;
}

const USAGE: Readonly<Record<string, WordKey>> = {
  "input tokens": "inputTokens",
  "output tokens": "outputTokens",
  "cache read tokens": "cacheReadTokens",
  "cache write tokens": "cacheWriteTokens",
  "cache write 1h tokens": "cacheWriteHourTokens",
  "reasoning tokens": "reasoningTokens",
  "web searches": "webSearches",
  requests: "requests",
};
const CLASSES: Readonly<Record<string, WordKey>> = {
  batch: "classBatch",
  flex: "classFlex",
  priority: "classPriority",
  fast: "classFast",
  regional: "classRegional",
  "long context": "classLongContext",
};
const SENTENCES: Readonly<Record<string, WordKey>> = {
  "Minimum monthly charge": "minimumCharge",
  "Minimum already charged": "minimumCharged",
  "Discount": "discount",
  "Prepaid credit": "prepaidCredit",
  "Promotional credit": "promotionalCredit",
};
const REASONS: Readonly<Record<string, WordKey>> = {
  "Refunded in Stripe": "refundedInStripe",
  "Credited in Stripe": "creditedInStripe",
};

function plain(text: string, to: LineText): string {
  const { words } = to;
  const sentence = own(SENTENCES, text);
  if (sentence !== undefined) return words.texts[sentence];
  const percent = /^Discount ([\d.]+) %$/.exec(text)?.[1];
  if (percent !== undefined) return say(words, "discountOf", { percent: to.number(percent) });
  const until = /^Prepaid credit until (\d{4}-\d\d-\d\d)$/.exec(text)?.[1];
  if (until !== undefined) return say(words, "prepaidUntil", { day: to.day(until) });
  const number = /^Credit for invoice (\S+)$/.exec(text)?.[1];
  if (number !== undefined) return say(words, "creditForInvoice", { number });
  return usage(text, words);
}

/** `Claude Sonnet · batch input tokens`; a price of all models has no name before the usage. */
function usage(text: string, words: Words): string {
  const at = text.lastIndexOf(" · ");
  const named = at < 0 ? text.charAt(0).toLowerCase() + text.slice(1) : text.slice(at + 3);
  const [, classes = "", metric = ""] =
    /^((?:(?:batch|flex|priority|fast|regional|long context(?: [23])?) )*)(.+)$/.exec(named) ?? [];
  const key = own(USAGE, metric);
  if (key === undefined) return text;
  const kinds = [...classes.matchAll(/([a-z]+(?: context)?)( [23])?/g)].map(([, name, step = ""]) =>
    `${texts(CLASSES, name ?? "", words)}${step}`
  );
  const what = kinds.length === 0
    ? words.texts[key]
    : say(words, "inClass", { usage: words.texts[key], classes: kinds.join(words.texts.comma) });
  return at < 0
    ? capitalised(what)
    : say(words, "ofModel", { model: text.slice(0, at), usage: what });
}

function detailPart(text: string, to: LineText): string {
  const { words } = to;
  const [, currency, amount, active, days] =
    /^minimum ([A-Z]{3}) ([\d.]+)(?:, (\d+) of (\d+) days)?$/.exec(text) ?? [];
  if (currency !== undefined && amount !== undefined) {
    const money = to.money(amount, currency);
    return active === undefined
      ? say(words, "minimumOf", { amount: money })
      : sayCount(words, "minimumOfDays", Number(days), { amount: money, active });
  }
  if (text === "amounts as logged") return words.texts.amountsAsLogged;
  const [, key, price] = /^(list|logged cost) (\$[\d.]+.*)$/.exec(text) ?? [];
  if (price === undefined) return text;
  const shown = price
    .replaceAll(/\$[\d.]+/g, (amount) => apart(amount, words))
    .replaceAll(/ per (1K|1M|\d+)/g, (_, units: string) => ` ${say(words, "per", { units })}`);
  return say(words, key === "list" ? "listPrice" : "loggedCost", { price: shown });
}

/** What stands before `, June 2026`, with the period in the reader's words. */
function ofPeriod(text: string, to: LineText, what: (rest: string) => string): string {
  const [, rest, label] =
    /^(.+), ((?:[A-Z][a-z]+|\d{1,2} [A-Z][a-z]{2} \d{4} – \d{1,2} [A-Z][a-z]{2}) \d{4})$/s
      .exec(text) ?? [];
  const period = label === undefined ? undefined : periodText(label, to);
  return rest === undefined || period === undefined
    ? what(text)
    : say(to.words, "inPeriod", { what: what(rest), period });
}

/** As the books have them, whatever the language of a document. */
export const ENGLISH_MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** `June 2026` or `15 Jun 2026 – 14 Jul 2026`, as SQL writes them; undefined for other texts. */
function periodText(label: string, to: LineText): string | undefined {
  const [, month = "", year = ""] = /^([A-Z][a-z]+) (\d{4})$/.exec(label) ?? [];
  const place = ENGLISH_MONTHS.indexOf(month);
  if (place >= 0) {
    return say(to.words, "monthYear", { month: monthName(to.words, String(place + 1)), year });
  }
  const [from, last] = label.split(" – ").map(dayOf);
  if (from === undefined || last === undefined) return undefined;
  return say(to.words, "range", { from: to.day(from), to: to.day(last) });
}

function dayOf(text: string): string | undefined {
  const [, day = "", month = "", year] = /^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})$/.exec(text) ?? [];
  const place = ENGLISH_MONTHS.findIndex((name) => name.startsWith(month));
  return year === undefined || place < 0
    ? undefined
    : `${year}-${String(place + 1).padStart(2, "0")}-${day.padStart(2, "0")}`;
}

function texts(keys: Readonly<Record<string, WordKey>>, name: string, words: Words): string {
  const key = own(keys, name);
  return key === undefined ? name : words.texts[key];
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
