/**
 * Rows as CSV (RFC 4180), with a head. A text that a spreadsheet would take for a formula begins with
 * an apostrophe: names and descriptions are what others write.
 */
export function csvOf(
  head: readonly string[],
  rows: readonly (readonly (string | null)[])[],
): string {
  return [head, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** A number, which is no formula although it may begin with a minus. */
const PLAIN = /^-?\d+(\.\d+)?$/;

function cell(value: string | null): string {
  if (value === null) return "";
  const text = /^[=+\-@\t\r]/.test(value) && !PLAIN.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
