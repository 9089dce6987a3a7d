/**
 * Rows as CSV (RFC 4180), with a head. A text that a spreadsheet would take for a formula begins with
 * an apostrophe: names and descriptions are what others write.
 */
export function csvOf(
  head: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): string {
  return csvLines([head, ...rows]);
}

/** Rows as `csvOf` writes them, without a head: of a text that is written piece by piece. */
export function csvLines(rows: readonly (readonly (string | null)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** A text that no spreadsheet takes for a formula. Numbers, also below zero, stay as they are. */
export function withoutFormula(text: string): string {
  return /^[=+\-@\t\r]/.test(text) && !PLAIN.test(text) ? `'${text}` : text;
}

/** A number, which is no formula although it may begin with a minus. */
const PLAIN = /^-?\d+(\.\d+)?$/;

function cell(value: string | null): string {
  if (value === null) return "";
  const text = withoutFormula(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
