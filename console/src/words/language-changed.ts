/** Told on the window when another language was chosen. */
export const LANGUAGE_CHANGED = "languagechosen";
