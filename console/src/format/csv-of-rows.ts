import { csvOf } from "../../../shared/csv.ts";

/** Rows of the API as CSV, a column for each field; lists and objects are JSON in their cell. */
export function csvOfRows(rows: readonly object[]): string {
  const head = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return csvOf(
    head,
    rows.map((row) => {
      const values = new Map<string, unknown>(Object.entries(row));
      return head.map((name) => textOf(values.get(name)));
    }),
  );
}

function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}
