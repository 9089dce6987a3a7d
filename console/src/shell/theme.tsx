import { useState } from "preact/hooks";
import { useWords } from "../words/words.ts";

const KEY = "leveredge-console-theme";
const NEXT = { system: "light", light: "dark", dark: "system" } as const;
const NAMES = { system: "themeSystem", light: "themeLight", dark: "themeDark" } as const;
type Theme = keyof typeof NEXT;

/** The theme that the user chose here, else the system's. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** Shows a theme: the style sheet does the rest. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  globalThis.dispatchEvent(new Event("themechange"));
}

/** Goes from the system's theme to light, to dark, and back. */
export function ThemeButton() {
  const { say } = useWords();
  const [theme, setTheme] = useState(storedTheme());
  const change = () => {
    const next = NEXT[theme];
    localStorage.setItem(KEY, next);
    applyTheme(next);
    setTheme(next);
  };
  return (
    <button
      class="button"
      type="button"
      onClick={change}
      aria-label={say("theme", { name: say(NAMES[theme]) })}
    >
      {say(NAMES[theme])}
    </button>
  );
}
