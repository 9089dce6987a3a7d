import type { Sql } from "postgres";
import type { Row } from "./world.ts";

/** Inserts a row into a table of `public`. Columns that the row does not name get their defaults. */
export async function insert(sql: Sql, table: string, row: Row): Promise<void> {
  const columns = sql(Object.keys(row));
  const target = sql(`public.${table}`);
  await sql`
    insert into ${target} (${columns})
    select ${columns} from jsonb_populate_record(
      null::${target}, ${JSON.stringify(row)}::text::jsonb)`;
}
