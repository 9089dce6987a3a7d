import { tableLines } from "./terminal/table.ts";
import type { Terminal } from "./command-line.ts";

/** Prints a result: as JSON, or these keys of a row or rows as a table. */
export function show(
  terminal: Terminal,
  json: boolean | undefined,
  result: unknown,
  keys: readonly string[],
): void {
  if (json) return terminal.out(JSON.stringify(result, null, 2));
  const rows: unknown[] = Array.isArray(result) ? result : [result];
  if (rows.length === 0) return terminal.out("None.");
  const columns = keys.map((key) => ({ title: titleOf(key), align: alignOf(key, rows) }));
  terminal.out(
    tableLines(columns, rows.map((row) => keys.map((key) => cell(valueOf(row, key))))).join("\n"),
  );
}

function valueOf(row: unknown, key: string): unknown {
  return new Map<string, unknown>(Object.entries(Object(row))).get(key);
}

/** Numbers stand on the right, also decimals and money that come as text. */
function alignOf(key: string, rows: readonly unknown[]): "left" | "right" {
  const isNumber = rows.every((row) =>
    /^-?\d+(\.\d+)?( [A-Z]{3})?$|^$/.test(cell(valueOf(row, key)))
  );
  return isNumber ? "right" : "left";
}

function titleOf(key: string): string {
  const text = key.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
