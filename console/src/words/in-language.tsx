import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { directionOf, type Language, languageOf } from "../../../shared/words/languages.ts";
import { showLocales } from "../format/locales.ts";
import { LANGUAGE_CHANGED } from "./language-changed.ts";
import {
  dictionaryOf,
  IN_ENGLISH,
  languageFor,
  localesFor,
  sayOf,
  type Words,
  WordsContext,
} from "./words.ts";

/**
 * Shows what is within in the language `lang`, else of the address (`?lang=ar`), else of the browser.
 * The page's own language and direction follow, unless it is the page of somebody else.
 */
export function InLanguage({ children, lang = null, ofPage = true }: {
  readonly children: ComponentChildren;
  readonly lang?: string | null;
  readonly ofPage?: boolean;
}) {
  const ofAddress = useLanguage();
  const language = (lang === null ? undefined : languageOf(lang)) ?? ofAddress;
  const [words, setWords] = useState<Words | null>(language === "en" ? IN_ENGLISH : null);
  useEffect(() => {
    let isOver = false;
    void dictionaryOf(language).catch(() => null).then((dictionary) => {
      if (isOver) return;
      const next = dictionary === null
        ? IN_ENGLISH
        : { say: sayOf(dictionary, language), language };
      showLocales(localesFor(next.language, navigator.languages));
      if (ofPage) show(next.language);
      setWords(next);
    });
    return () => {
      isOver = true;
      if (!ofPage) return;
      showLocales(navigator.languages);
      show("en");
    };
  }, [language]);
  if (words === null) return <div class="bars" role="status" aria-label="…" />;
  const shown = (
    <WordsContext.Provider key={words.language} value={words}>{children}</WordsContext.Provider>
  );
  return ofPage
    ? shown
    : <div lang={words.language} dir={directionOf(words.language)}>{shown}</div>;
}

function show(language: Language): void {
  document.documentElement.lang = language;
  document.documentElement.dir = directionOf(language);
}

function useLanguage(): Language {
  const read = () => languageFor(globalThis.location.search, navigator.languages);
  const [language, setLanguage] = useState(read);
  useEffect(() => {
    const listen = () => setLanguage(read());
    globalThis.addEventListener(LANGUAGE_CHANGED, listen);
    return () => globalThis.removeEventListener(LANGUAGE_CHANGED, listen);
  }, []);
  return language;
}
