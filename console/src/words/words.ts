import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { directionOf, type Language, languageOf } from "../../../shared/words/languages.ts";
import { type Dictionary, ENGLISH, type Key } from "./english.ts";

/** Says a text, with its `{values}` put in. */
export type Say = (key: Key, values?: Readonly<Record<string, string | number>>) => string;

/** Dictionaries that are loaded when their language is first read. */
const LOADERS: Readonly<Record<Exclude<Language, "en">, () => Promise<Dictionary>>> = {
  de: async () => (await import("./german.ts")).GERMAN,
  fr: async () => (await import("./french.ts")).FRENCH,
  es: async () => (await import("./spanish.ts")).SPANISH,
  it: async () => (await import("./italian.ts")).ITALIAN,
  nl: async () => (await import("./dutch.ts")).DUTCH,
  pt: async () => (await import("./portuguese.ts")).PORTUGUESE,
  ja: async () => (await import("./japanese.ts")).JAPANESE,
  ar: async () => (await import("./arabic.ts")).ARABIC,
};

/** The texts of a language. */
export async function dictionaryOf(language: Language): Promise<Dictionary> {
  return language === "en" ? ENGLISH : await LOADERS[language]();
}

/** Says texts of a dictionary. Where text runs to the left, values are kept apart from it. */
export function sayOf(dictionary: Dictionary, language: Language): Say {
  const isLeft = directionOf(language) === "rtl";
  return (key, values = {}) => {
    const given = new Map(Object.entries(values));
    return dictionary[key].replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
      const value = given.get(name);
      if (value === undefined) return whole;
      return isLeft ? `\u2068${value}\u2069` : String(value);
    });
  };
}

/** Whether a text names one that there is: states and entries come from the server. */
export function isKey(name: string): name is Key {
  return Object.hasOwn(ENGLISH, name);
}

/** What a page says, and in which language. */
export interface Words {
  readonly say: Say;
  readonly language: Language;
}

export const IN_ENGLISH: Words = { say: sayOf(ENGLISH, "en"), language: "en" };

export const WordsContext = createContext<Words>(IN_ENGLISH);

/** What the page around says. */
export function useWords(): Words {
  return useContext(WordsContext);
}

/** The language that an address asks for, else the first of the browser's that there is. */
export function languageFor(search: string, browser: readonly string[]): Language {
  const asked = languageOf(new URLSearchParams(search).get("lang") ?? "");
  if (asked !== undefined) return asked;
  return browser.map(languageOf).find((language) => language !== undefined) ?? "en";
}

/**
 * The locales of figures and days beside a language: the browser's of that language, so that a region
 * keeps its habits. Digits are Latin in every script, as in documents.
 */
export function localesFor(language: Language, browser: readonly string[]): readonly string[] {
  const own = browser.filter((tag) => languageOf(tag) === language);
  return (own.length === 0 ? [language] : own)
    .map((tag) => language === "ar" ? `${new Intl.Locale(tag).baseName}-u-nu-latn` : tag);
}
