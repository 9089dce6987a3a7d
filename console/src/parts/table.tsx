import type { ComponentChildren } from "preact";
import { hrefOf, type Location } from "../routing/location.ts";
import { useWords } from "../words/words.ts";

/** A column: its heading, and what it shows of a row. Figures stand on the right. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  readonly isFigure?: boolean;
  /** Kept on one line. */
  readonly isWhole?: boolean;
  /** Left out on narrow screens: what the row can be understood without. */
  readonly isMinor?: boolean;
}

/** Rows under headings. Wider than the screen it scrolls by itself, by keyboard too. */
export function Table<Row>({ label, columns, rows, keyOf, none }: {
  /** What the rows are, for screen readers. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** What to say where there are no rows. */
  readonly none: string;
}) {
  if (rows.length === 0) return <p class="none">{none}</p>;
  return (
    <div class="table-frame" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)}>{column.title}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)}>{column.cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function classOf<Row>({ isFigure, isWhole, isMinor }: Column<Row>): string {
  return [isFigure && "is-figure", isWhole && "is-whole", isMinor && "is-minor"]
    .filter((name) => typeof name === "string").join(" ");
}

/** Links to the first and the next page of a list. The browser's back button goes to the one before. */
export function Pager({ location, next }: {
  readonly location: Location;
  readonly next: string | null;
}) {
  const { say } = useWords();
  const { path, query } = location;
  if (query.cursor === undefined && next === null) return null;
  return (
    <nav class="pager" aria-label={say("pages")}>
      {query.cursor === undefined
        ? <span />
        : <a href={hrefOf(path, { ...query, cursor: undefined })}>{say("firstPage")}</a>}
      {next === null
        ? <span class="muted">{say("lastPage")}</span>
        : <a class="button" href={hrefOf(path, { ...query, cursor: next })}>{say("nextPage")}</a>}
    </nav>
  );
}
