import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { directionOf, type Language, LANGUAGES } from "../../../shared/words/languages.ts";
import { showLocales } from "../format/locales.ts";
import {
  dictionaryOf,
  IN_ENGLISH,
  languageFor,
  localesFor,
  sayOf,
  useWords,
  type Words,
  WordsContext,
} from "./words.ts";

const CHANGED = "languagechosen";

/** Shows a page in the language of the address, `?lang=ar`, or else of the browser. */
export function InLanguage({ children }: { readonly children: ComponentChildren }) {
  const language = useLanguage();
  const [words, setWords] = useState<Words | null>(language === "en" ? IN_ENGLISH : null);
  useEffect(() => {
    let isOver = false;
    void dictionaryOf(language).catch(() => null).then((dictionary) => {
      if (isOver) return;
      const next = dictionary === null
        ? IN_ENGLISH
        : { say: sayOf(dictionary, language), language };
      showLocales(localesFor(next.language, navigator.languages));
      document.documentElement.lang = next.language;
      document.documentElement.dir = directionOf(next.language);
      setWords(next);
    });
    return () => {
      isOver = true;
      showLocales(navigator.languages);
      document.documentElement.lang = "en";
      document.documentElement.dir = "ltr";
    };
  }, [language]);
  if (words === null) return <div class="bars" role="status" aria-label="…" />;
  return (
    <WordsContext.Provider key={words.language} value={words}>{children}</WordsContext.Provider>
  );
}

/** Chooses the language; the choice stands in the address, so a link shows the same. */
export function LanguageChoice() {
  const { say, language } = useWords();
  return (
    <label class="language">
      <span class="for-hearing">{say("language")}</span>
      <select
        value={language}
        onChange={(event) => {
          const { hash } = globalThis.location;
          history.replaceState(null, "", `?lang=${event.currentTarget.value}${hash}`);
          globalThis.dispatchEvent(new Event(CHANGED));
        }}
      >
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <option key={code} value={code} lang={code}>{name}</option>
        ))}
      </select>
    </label>
  );
}

function useLanguage(): Language {
  const read = () => languageFor(globalThis.location.search, navigator.languages);
  const [language, setLanguage] = useState(read);
  useEffect(() => {
    const listen = () => setLanguage(read());
    globalThis.addEventListener(CHANGED, listen);
    return () => globalThis.removeEventListener(CHANGED, listen);
  }, []);
  return language;
}
