import postgres from "postgres";
import { z } from "zod";

const Table = z.object({
  name: z.string(),
  relation: z.string(),
  /** Columns that are of the moment in which a row was written. */
  moment: z.array(z.string()),
});
const Row = z.object({ row: z.string() });

/** It names the server that counts, so it is another in each. */
const WATERMARK = "billing.usage_watermark";

/** The rows that a fresh build has, table by table, in the form of a description of its objects. */
export async function describeRows(databaseUrl: string): Promise<string> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const tables = z.array(Table).parse([
      ...await sql`
        select n.nspname || '.' || c.relname as name, format('%I.%I', n.nspname, c.relname)
            as relation, coalesce(array_agg(a.attname::text) filter (where a.attidentity <> ''
            or pg_get_expr(d.adbin, d.adrelid) ~ 'gen_random_uuid|nextval|now\(\)|xact'), '{}')
            as moment
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where n.nspname in ('public', 'billing', '_billing') and c.relkind in ('r', 'p')
          and not c.relispartition and c.oid <> ${WATERMARK}::regclass
        group by n.nspname, c.relname order by 1`,
    ]);
    const texts: string[] = [];
    for (const { name, relation, moment } of tables) {
      const rows = z.array(Row).parse([
        ...await sql`
          select (to_jsonb(t) - ${moment}::text[])::text as row from ${sql.unsafe(relation)} t
          order by 1`,
      ]);
      if (rows.length > 0) texts.push([`# rows ${name}`, ...rows.map(({ row }) => row)].join("\n"));
    }
    return texts.map((text) => `\n${text}\n`).join("");
  } finally {
    await sql.end();
  }
}
