/**
 * Text that came from outside, made safe to set on paper: composed (NFC), well-formed, without
 * control characters and without the characters that reorder what follows them. Those could make
 * an account number read backwards; direction is the renderer's business alone.
 */

const REORDERING = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g;
// deno-lint-ignore no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\ufff9-\ufffb]+/g;
const LINE_BREAK = /\r\n|[\n\r\u0085\u2028\u2029]/;

/** One line of text; line breaks and tabs become spaces. */
export function cleanText(raw: string): string {
  return raw.toWellFormed().normalize("NFC").replace(REORDERING, "").replace(CONTROL, " ")
    .replace(/ {2,}/g, " ").trim();
}

/** A message as it is sent: lines and spaces stay, all else that moves or turns text goes. */
export function plainMessage(raw: string): string {
  return raw.toWellFormed().split(LINE_BREAK)
    .map((line) => line.replace(REORDERING, "").replace(CONTROL, " ")).join("\n");
}

/** A text of several lines, each clean; empty lines at either end are dropped. */
export function cleanLines(raw: string): string[] {
  const lines = raw.split(LINE_BREAK).map(cleanText);
  const first = lines.findIndex((line) => line !== "");
  return first < 0 ? [] : lines.slice(first, lines.findLastIndex((line) => line !== "") + 1);
}

/** Clean text, or null where nothing is left to show. */
export function cleanOptional(raw: string | null): string | null {
  const text = raw === null ? "" : cleanText(raw);
  return text === "" ? null : text;
}
