let shown: readonly string[] = globalThis.navigator?.languages ?? ["en"];

/** The locales in which figures and days are written. */
export function shownLocales(): readonly string[] {
  return shown;
}

/** Writes figures and days in these locales from now on. */
export function showLocales(locales: readonly string[]): void {
  shown = locales;
}
