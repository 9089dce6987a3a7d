import type { z } from "zod";
import { AuditEntry, listAudit, verifyAudit } from "../../../shared/api/audit.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant } from "../format/days.ts";
import { Choice, TextFilter } from "../parts/choice.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { type Column, Pager, Table } from "../parts/table.tsx";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { CsvButton, whole } from "../parts/csv-button.tsx";

type Entry = z.infer<typeof AuditEntry>;

/** Who has changed what, newest first; and whether the log is what was sealed. */
export default function Audit({ location }: PageProps) {
  const { api } = useConsole();
  const { cursor, table, row, actor } = location.query;
  const operation = AuditEntry.shape.operation.safeParse(location.query.operation).data;
  const asked = {
    limit: 25,
    ...cursor === undefined ? {} : { cursor },
    ...table === undefined ? {} : { table_name: table },
    ...row === undefined ? {} : { row_id: row },
    ...actor === undefined ? {} : { actor },
    ...operation === undefined ? {} : { operation },
  };
  const answer = useAnswer(
    `audit ${JSON.stringify(asked)}`,
    () => api.billing(listAudit, { query: asked }),
  );
  const change = (values: Readonly<Record<string, string>>) =>
    changeQuery(location, { ...values, cursor: undefined });
  return (
    <>
      <h1>Audit log</h1>
      <Chain />
      <div class="filters">
        <Choice
          label="Operation"
          value={operation ?? ""}
          options={[["", "All"], ...AuditEntry.shape.operation.options.map(asOption)]}
          onChange={(value) => change({ operation: value })}
        />
        <TextFilter
          label="Table"
          placeholder="invoices"
          value={table ?? ""}
          onChange={(value) => change({ table: value })}
        />
        <TextFilter
          label="Row"
          placeholder="id"
          value={row ?? ""}
          onChange={(value) => change({ row: value })}
        />
        <TextFilter
          label="By"
          placeholder="user or job"
          value={actor ?? ""}
          onChange={(value) => change({ actor: value })}
        />
        <CsvButton
          name="audit-log"
          ask={(cursor) => api.billing(listAudit, whole(asked, cursor))}
        />
      </div>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label="Audit log"
              none="No entry is like that."
              rows={data}
              keyOf={({ id }) => id}
              columns={COLUMNS}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Chain() {
  const { api } = useConsole();
  const answer = useAnswer("audit chain", () => api.billing(verifyAudit, { query: {} }));
  return (
    <Loaded answer={answer} rows={1}>
      {({ sealed, unsealed, finding }) =>
        finding === null
          ? (
            <p class="note note-good">
              The chain of hashes holds: {sealed} entries are sealed, {unsealed} are to be sealed.
            </p>
          )
          : <p class="note note-bad">The log differs from its seals: {finding}</p>}
    </Loaded>
  );
}

const COLUMNS: readonly Column<Entry>[] = [
  { title: "When", cell: ({ at }) => instant(at), isWhole: true },
  { title: "By", cell: ({ actor }) => actor, isMinor: true },
  { title: "What", cell: ({ operation, table_name }) => `${operation} · ${table_name}` },
  { title: "Row", cell: ({ row_id }) => <code>{row_id}</code>, isMinor: true },
  { title: "Change", cell: (entry) => <Change entry={entry} /> },
];

function Change({ entry: { before, after } }: { readonly entry: Entry }) {
  const names = [...new Set([...keysOf(before), ...keysOf(after)])];
  if (names.length === 0) return null;
  return (
    <ul class="changes">
      {names.slice(0, 8).map((name) => (
        <li key={name}>
          <span class="muted">{name}</span> {valueOf(before, name)} → {valueOf(after, name)}
        </li>
      ))}
      {names.length > 8 ? <li class="muted">and {names.length - 8} more</li> : null}
    </ul>
  );
}

function keysOf(values: Entry["before"]): string[] {
  return typeof values === "object" && values !== null ? Object.keys(values) : [];
}

function valueOf(values: Entry["before"], name: string): string {
  const value: unknown = Object(values)[name];
  if (value === undefined || value === null) return "–";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function asOption(value: string): readonly [string, string] {
  return [value, value];
}
