import { type Exponent, groupDecimal, minorToDecimal, type NumberStyle } from "../money.ts";
import { trimDecimal } from "../money.ts";
import { ENGLISH_MONTHS } from "../words/line-words.ts";

/**
 * How a locale writes numbers, money and days. A small table instead of `Intl`, whose data changes
 * with every runtime: an issued invoice must print the same characters in ten years.
 *
 * Unknown locales get ISO days and English numbers. Digits are always Latin, so that an amount
 * reads the same in every script.
 */
export interface LocaleFormat {
  readonly numbers: NumberStyle;
  readonly money: "before" | "before_spaced" | "after";
  /** `long` for facts and periods, `short` for chart labels; arguments are `2026`, `06`, `01`. */
  readonly long: DayPattern;
  readonly short: DayPattern;
  readonly dollar: string;
}

type DayPattern = (year: string, month: string, day: string) => string;

const NO_BREAK_SPACE = "\u00a0";

const COMMAS: NumberStyle = { decimal: ".", group: ",", grouping: "western" };
const POINTS: NumberStyle = { decimal: ",", group: ".", grouping: "western" };
const SPACES: NumberStyle = { decimal: ",", group: NO_BREAK_SPACE, grouping: "western" };

const AMERICAN: LocaleFormat = {
  numbers: COMMAS,
  money: "before",
  long: (y, m, d) => `${month(m)} ${Number(d)}, ${y}`,
  short: (_, m, d) => `${month(m).slice(0, 3)} ${Number(d)}`,
  dollar: "USD",
};
const ENGLISH: LocaleFormat = {
  ...AMERICAN,
  long: (y, m, d) => `${Number(d)} ${month(m)} ${y}`,
  short: (_, m, d) => `${Number(d)} ${month(m).slice(0, 3)}`,
  dollar: "",
};
const ISO: LocaleFormat = {
  ...ENGLISH,
  ...days((y, m, d) => `${y}-${m}-${d}`, (_, m, d) => `${m}-${d}`),
};
const JAPANESE: LocaleFormat = {
  ...ENGLISH,
  ...days(
    (y, m, d) => `${y}年${Number(m)}月${Number(d)}日`,
    (_, m, d) => `${Number(m)}/${Number(d)}`,
  ),
};
const DOTTED = days((y, m, d) => `${d}.${m}.${y}`, (_, m, d) => `${d}.${m}.`);
const SLASHED = days((y, m, d) => `${d}/${m}/${y}`, (_, m, d) => `${d}/${m}`);
const DASHED = days((y, m, d) => `${d}-${m}-${y}`, (_, m, d) => `${d}-${m}`);
const GERMAN: LocaleFormat = { ...ENGLISH, numbers: POINTS, money: "after", ...DOTTED };
const FRENCH: LocaleFormat = { ...ENGLISH, numbers: SPACES, money: "after", ...SLASHED };
const SPANISH: LocaleFormat = { ...GERMAN, ...SLASHED };
const SWISS: LocaleFormat = {
  ...GERMAN,
  numbers: { decimal: ".", group: "’", grouping: "western" },
  money: "before_spaced",
};

/** Of documents in Arabic; a day that begins with the year would be read from its end. */
export const ARABIC: LocaleFormat = { ...ENGLISH, ...SLASHED };

const FORMATS: Readonly<Record<string, LocaleFormat>> = {
  en: AMERICAN,
  "en-US": AMERICAN,
  "en-AU": { ...ENGLISH, dollar: "AUD" },
  "en-CA": { ...AMERICAN, dollar: "CAD" },
  "en-GB": ENGLISH,
  "en-IE": ENGLISH,
  "en-IN": { ...ENGLISH, numbers: { ...COMMAS, grouping: "indian" } },
  "en-NZ": { ...ENGLISH, dollar: "NZD" },
  "en-ZA": ENGLISH,
  cs: { ...FRENCH, ...DOTTED },
  da: { ...GERMAN, ...DOTTED },
  de: GERMAN,
  "de-CH": SWISS,
  el: SPANISH,
  es: SPANISH,
  fi: { ...FRENCH, ...DOTTED },
  fr: FRENCH,
  "fr-CH": SWISS,
  it: SPANISH,
  "it-CH": SWISS,
  ja: JAPANESE,
  nb: { ...FRENCH, ...DOTTED },
  nl: { ...GERMAN, money: "before_spaced", ...DASHED },
  no: { ...FRENCH, ...DOTTED },
  pl: { ...FRENCH, ...DOTTED },
  pt: SPANISH,
  "pt-BR": { ...SPANISH, money: "before_spaced" },
  sv: {
    ...FRENCH,
    ...days((y, m, d) => `${y}-${m}-${d}`, (_, m, d) => `${Number(d)}/${Number(m)}`),
  },
  zh: JAPANESE,
};

const SYMBOLS: Readonly<Record<string, string>> = {
  AUD: "A$",
  BRL: "R$",
  CAD: "CA$",
  CNY: "CN¥",
  EUR: "€",
  GBP: "£",
  ILS: "₪",
  INR: "₹",
  JPY: "¥",
  KRW: "₩",
  NZD: "NZ$",
  USD: "US$",
};

/** The format of a BCP 47 tag: its own, else its language's, else ISO days. */
export function localeFormat(tag: string): LocaleFormat {
  const [language = "", ...rest] = tag.split("-");
  const region = rest.find((part) => /^[A-Za-z]{2}$/.test(part))?.toUpperCase();
  const exact = region && FORMATS[`${language.toLowerCase()}-${region}`];
  if (exact) return exact;
  if (language.toLowerCase() === "en" && region) return ENGLISH;
  return FORMATS[language.toLowerCase()] ?? ISO;
}

/** `2026-06-30` as a person in the locale writes it; `short` leaves the year out. */
export function formatDay(
  day: string,
  format: LocaleFormat,
  length: "long" | "short" = "long",
): string {
  const [year = "", monthNumber = "", dayNumber = ""] = day.split("-");
  return format[length](year, monthNumber, dayNumber);
}

/** A quantity, grouped, without needless zeros. */
export function formatQuantity(decimal: string, format: LocaleFormat): string {
  return groupDecimal(trimDecimal(decimal, 0), format.numbers);
}

/** Minor units with the currency: `-$5.00`, `1.234,50 €`, `¥1,250`, `KWD 1.250`. */
export function formatMoney(
  minor: number,
  money: { readonly currency: string; readonly exponent: Exponent },
  format: LocaleFormat,
): string {
  return withCurrency(minorToDecimal(minor, money.exponent), money.currency, format);
}

/** A unit price: at least the currency's decimals, and as many more as it really has. */
export function formatPrice(
  decimal: string,
  money: { readonly currency: string; readonly exponent: Exponent },
  format: LocaleFormat,
): string {
  return withCurrency(trimDecimal(decimal, money.exponent), money.currency, format);
}

/** The last day of a half-open range: the day before `end`. Both are `YYYY-MM-DD`. */
export function dayBefore(end: string): string {
  return new Date(Date.parse(`${end}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}

function withCurrency(decimal: string, currency: string, format: LocaleFormat): string {
  const sign = decimal.startsWith("-") ? "-" : "";
  const number = groupDecimal(decimal.slice(sign.length), format.numbers);
  const symbol = format.dollar === currency ? "$" : SYMBOLS[currency] ?? currency;
  if (format.money === "after") return `${sign}${number}${NO_BREAK_SPACE}${symbol}`;
  const spaced = format.money === "before_spaced" || /[A-Za-z]$/.test(symbol);
  return `${sign}${symbol}${spaced ? NO_BREAK_SPACE : ""}${number}`;
}

function month(number: string): string {
  return ENGLISH_MONTHS[Number(number) - 1] ?? number;
}

function days(long: DayPattern, short: DayPattern): Pick<LocaleFormat, "long" | "short"> {
  return { long, short };
}
