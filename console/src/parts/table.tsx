import type { ComponentChildren } from "preact";
import { hrefOf, type Location } from "../routing/location.ts";
import { useWords } from "../words/words.ts";
import { sorted } from "../format/sorted.ts";

/** A column: its heading, and what it shows of a row. Figures stand on the right. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  readonly isFigure?: boolean;
  /** Kept on one line. */
  readonly isWhole?: boolean;
  /** Left out on narrow screens: what the row can be understood without. */
  readonly isMinor?: boolean;
  /** What rows are sorted by under this heading; left out, it sorts nothing. */
  readonly by?: (row: Row) => string | number | null;
}

/** Where the order of a table stands: in the address, under the table's name. */
interface Order {
  readonly location: Location;
  readonly name: string;
}

/** Rows under headings. Wider than the screen it scrolls by itself, by keyboard too. */
export function Table<Row>({ label, columns, rows, keyOf, none, order }: {
  /** What the rows are, for screen readers. */
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** What to say where there are no rows. */
  readonly none: string;
  /** Of a list that is whole: its columns sort it. A page of a longer one keeps the API's order. */
  readonly order?: Order;
}) {
  const { column: by, isDescending } = orderOf(order);
  const keyBy = columns.find(({ title }) => title === by)?.by;
  const shown = keyBy === undefined ? rows : sorted(rows, keyBy, isDescending);
  if (rows.length === 0) return <p class="none">{none}</p>;
  return (
    <div class="table-frame" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.title}
                scope="col"
                class={classOf(column)}
                aria-sort={column.title !== by
                  ? undefined
                  : isDescending
                  ? "descending"
                  : "ascending"}
              >
                <Heading column={column} order={order} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
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

/** A heading; where its column sorts, a link to the same page in another order. */
function Heading<Row>({ column, order }: {
  readonly column: Column<Row>;
  readonly order: Order | undefined;
}) {
  if (order === undefined || column.by === undefined) return <>{column.title}</>;
  const { column: by, isDescending } = orderOf(order);
  const isBy = by === column.title;
  const sort = `${order.name}.${isBy && !isDescending ? "-" : ""}${column.title}`;
  const { path, query } = order.location;
  return (
    <a class="sort" href={hrefOf(path, { ...query, sort })}>
      {column.title}
      <span aria-hidden="true">{isBy ? isDescending ? " ↓" : " ↑" : ""}</span>
    </a>
  );
}

/** `sort=lines.-Amount` is the table `lines` by Amount, the greatest first. */
function orderOf(order: Order | undefined): {
  readonly column: string | undefined;
  readonly isDescending: boolean;
} {
  const text = order?.location.query.sort;
  const start = `${order?.name}.`;
  if (text === undefined || !text.startsWith(start)) {
    return { column: undefined, isDescending: false };
  }
  const column = text.slice(start.length);
  return column.startsWith("-")
    ? { column: column.slice(1), isDescending: true }
    : { column, isDescending: false };
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
