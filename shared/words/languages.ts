/** The languages that people who pay may read, each by its own name. */
export const LANGUAGES = {
  en: "English",
  de: "Deutsch",
  fr: "Français",
  es: "Español",
  it: "Italiano",
  nl: "Nederlands",
  pt: "Português",
  ja: "日本語",
  ar: "العربية",
} as const;

/** The code of one of them. */
export type Language = keyof typeof LANGUAGES;

/** The language that a BCP 47 tag is of, or undefined where it is none of ours. */
export function languageOf(tag: string): Language | undefined {
  const code = tag.split("-")[0]?.toLowerCase() ?? "";
  return isLanguage(code) ? code : undefined;
}

/** In which direction its text runs. */
export function directionOf(language: Language): "ltr" | "rtl" {
  return language === "ar" ? "rtl" : "ltr";
}

function isLanguage(code: string): code is Language {
  return Object.hasOwn(LANGUAGES, code);
}
