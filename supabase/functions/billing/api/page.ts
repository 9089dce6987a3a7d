import { Buffer } from "node:buffer";
import { z } from "zod";
import { problem } from "../../../../shared/errors.ts";
import { ProblemError } from "../../_shared/http/problem.ts";

const Keys = z.array(z.string().max(400)).max(8);

/** A row of a page: what is shown, and the text keys that the page is sorted by. */
export interface PageRow {
  readonly item: unknown;
  readonly keys: readonly string[];
}

/** A page of `limit` rows out of rows that were asked for with one more than `limit`. */
export function pageOf(rows: readonly PageRow[], limit: number) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    data: shown.map(({ item }) => item),
    next_cursor: rows.length > limit && last !== undefined ? encodeCursor(last.keys) : null,
  };
}

/** The sort keys after which the page begins, or null. Throws a `ProblemError` for others' text. */
export function cursorKeys(cursor: string | undefined, count: number): readonly string[] | null {
  if (cursor === undefined) return null;
  try {
    const keys = Keys.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
    if (keys.length === count && keys.every((key) => !key.includes("\0"))) return keys;
  } catch {
    // Said below.
  }
  throw new ProblemError(problem("bad_request", "cursor is none of ours; begin without one"));
}

function encodeCursor(keys: readonly string[]): string {
  return Buffer.from(JSON.stringify(keys), "utf8").toString("base64url");
}
