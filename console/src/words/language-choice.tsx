import { LANGUAGES } from "../../../shared/words/languages.ts";
import { LANGUAGE_CHANGED } from "./language-changed.ts";
import { useWords } from "./words.ts";

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
          globalThis.dispatchEvent(new Event(LANGUAGE_CHANGED));
        }}
      >
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <option key={code} value={code} lang={code}>{name}</option>
        ))}
      </select>
    </label>
  );
}
