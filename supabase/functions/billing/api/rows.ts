import { problem } from "../../../../shared/errors.ts";
import { ProblemError } from "../../_shared/http/problem.ts";
import type { Session } from "../../_shared/api/session.ts";

/** Tables whose rows are made and changed through the API as they are. */
export type EditableTable =
  | "clients"
  | "agent_assignments"
  | "billing_config"
  | "prices"
  | "models";

/**
 * Inserts a row; keys are columns and come from a schema, columns left out take their defaults.
 * Values pass as one JSON document, so that the database reads every type by its own rules.
 * Returns the row's id.
 */
export async function insertRow(
  { sql }: Session,
  table: EditableTable,
  row: Readonly<Record<string, unknown>>,
): Promise<string> {
  const columns = sql(Object.keys(row));
  const [made] = await sql<{ id: string }[]>`
    insert into ${sql(`public.${table}`)} (${columns})
    select ${columns}
    from jsonb_populate_record(
      null::${sql(`public.${table}`)}, ${JSON.stringify(row)}::text::jsonb)
    returning id`;
  if (made === undefined) throw new Error(`inserting into ${table} returned nothing`);
  return made.id;
}

/** Changes columns of a row. Throws `not_found` where there is none, `bad_request` for no change. */
export async function updateRow(
  { sql }: Session,
  table: EditableTable,
  id: string,
  change: Readonly<Record<string, unknown>>,
): Promise<void> {
  if (Object.keys(change).length === 0) {
    throw new ProblemError(problem("bad_request", "nothing to change was given"));
  }
  const columns = sql(Object.keys(change));
  const changed = await sql`
    update ${sql(`public.${table}`)} set (${columns}) = row (
      ${
    Object.keys(change).map((column, index) => sql`${index > 0 ? sql`, ` : sql``}r.${sql(column)}`)
  })
    from jsonb_populate_record(
      null::${sql(`public.${table}`)}, ${JSON.stringify(change)}::text::jsonb) r
    where ${sql(table)}.id = ${id}::text::uuid`;
  if (changed.count === 0) throw new ProblemError(problem("not_found"));
}

/** Deletes a row. Throws `not_found` where there is none. */
export async function deleteRow(
  { sql }: Session,
  table: EditableTable,
  id: string,
): Promise<void> {
  const deleted = await sql`
    delete from ${sql(`public.${table}`)} where id = ${id}::text::uuid`;
  if (deleted.count === 0) throw new ProblemError(problem("not_found"));
}

/** The first row, or `not_found`. */
export function found<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new ProblemError(problem("not_found"));
  return row;
}

/** Bounds of days: null is open, which the database writes as infinity. */
export function openRange<T extends object>(row: T): Record<string, unknown> {
  const ends = {
    effective_from: "-infinity",
    effective_until: "infinity",
    starts_at: "-infinity",
    ends_at: "infinity",
  };
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      value === null ? new Map(Object.entries(ends)).get(key) ?? null : value,
    ]),
  );
}
