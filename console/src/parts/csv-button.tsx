import { useState } from "preact/hooks";
import type { CallResult } from "../../../shared/client/billing-client.ts";
import { everyPage } from "../api/every-page.ts";
import { csvOfRows } from "../format/csv-of-rows.ts";
import { useWords } from "../words/words.ts";

/** Pages of 200 rows: beyond that the API is the better way. */
const MOST_PAGES = 250;

/** Downloads a list as CSV, whole: every row that the filters let through, fields as the API has them. */
export function CsvButton({ name, ask }: {
  /** Of the file, without its end. */
  readonly name: string;
  readonly ask: (cursor: string | undefined) => Promise<
    CallResult<{ readonly data: readonly object[]; readonly next_cursor?: string | null }>
  >;
}) {
  const { say } = useWords();
  const [state, setState] = useState<"idle" | "busy" | "failed">("idle");
  const load = async () => {
    setState("busy");
    const { data } = await everyPage(async (cursor) => {
      const page = await ask(cursor);
      if (page.error !== null) return page;
      const { data, next_cursor = null } = page.data;
      return { data: { data: [...data], next_cursor }, error: null };
    }, MOST_PAGES).catch(() => ({ data: null }));
    // A part of a list would be taken for all of it.
    const isThere = data !== null && data.isWhole;
    setState(isThere ? "idle" : "failed");
    if (isThere) download(csvOfRows(data.rows), `${name}.csv`);
  };
  return (
    <div class="action">
      {state === "failed" ? <span class="tone-bad" role="alert">{say("noCsv")}</span> : null}
      <button class="button" type="button" disabled={state === "busy"} onClick={load}>
        {say(state === "busy" ? "moment" : "downloadCsv")}
      </button>
    </div>
  );
}

function download(text: string, name: string): void {
  const link = document.createElement("a");
  // The mark tells spreadsheets that it is UTF-8.
  link.href = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The same question for all of its rows, page by page. */
export function whole<Asked extends object>(asked: Asked, cursor: string | undefined) {
  return { query: { ...asked, limit: 200, cursor } };
}
