import type { Sql } from "postgres";
import type { Row } from "./world.ts";

/** Sets columns of all rows of a client in a table of `public`. */
export async function change(sql: Sql, table: string, client: string, set: Row): Promise<void> {
  const columns = sql(Object.keys(set));
  const target = sql(`public.${table}`);
  await sql`
    update ${target} set (${columns}) = (
      select ${columns} from jsonb_populate_record(
        null::${target}, ${JSON.stringify(set)}::text::jsonb))
    where client_id = ${client}`;
}

/** Inserts a row into a table of `public`. Columns that the row does not name get their defaults. */
export async function insert(sql: Sql, table: string, row: Row): Promise<void> {
  const columns = sql(Object.keys(row));
  const target = sql(`public.${table}`);
  await sql`
    insert into ${target} (${columns})
    select ${columns} from jsonb_populate_record(
      null::${target}, ${JSON.stringify(row)}::text::jsonb)`;
}
