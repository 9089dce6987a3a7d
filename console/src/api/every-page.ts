import type { CallResult } from "../../../shared/client/billing-client.ts";

interface Page<Row> {
  readonly data: Row[];
  readonly next_cursor: string | null;
}

/** All rows of a list, at most `pages` pages of it; `isWhole` says whether that was all. */
export async function everyPage<Row>(
  ask: (cursor: string | undefined) => Promise<CallResult<Page<Row>>>,
  pages: number,
): Promise<CallResult<{ readonly rows: Row[]; readonly isWhole: boolean }>> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < pages; page++) {
    const { data, error } = await ask(cursor);
    if (error !== null) return { data: null, error };
    rows.push(...data.data);
    if (data.next_cursor === null) return { data: { rows, isWhole: true }, error: null };
    cursor = data.next_cursor;
  }
  return { data: { rows, isWhole: false }, error: null };
}
