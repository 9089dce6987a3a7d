import postgres from "postgres";
import type { EngineName } from "../../platform/postgres-engine.ts";
import { byRoom, describeSchema, readSchema, schemaDifferences } from "../../tools/schema/dump.ts";
import { listFiles } from "./files.ts";
import type { SectionResult } from "./report.ts";

/** Every migration is recorded as applied, by a role that is no superuser and owns what they made. */
export async function checkApplied(databaseUrl: string): Promise<SectionResult> {
  const files = await listFiles("supabase/migrations", ".sql");
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    const [as] = await sql<{ user: string; superuser: boolean }[]>`
      select rolname as user, rolsuper as superuser from pg_roles where rolname = current_user`;
    const applied = await sql<{ version: string }[]>`
      select version from supabase_migrations.schema_migrations`;
    const versions = new Set(applied.map(({ version }) => version));
    const details = files.filter((file) => !versions.has(/(\d{14})_/.exec(file)?.[1] ?? ""))
      .map((file) => `${file} is not applied`);
    if (as?.superuser !== false) details.push(`${as?.user} is a superuser`);
    return { passed: files.length - details.length, failed: details.length, details };
  } finally {
    await sql.end();
  }
}

/** A fresh build is what dev/tools/schema says, which the newer engine wrote. */
export async function checkSchema(databaseUrl: string, engine: EngineName): Promise<SectionResult> {
  const [rooms, found] = [await readSchema(), await describeSchema(databaseUrl)];
  const sameVersion = engine === "embedded";
  const differences = schemaDifferences([...rooms.values()].join("\n"), found, { sameVersion });
  if (sameVersion && differences.length === 0) {
    for (const [room, text] of await byRoom(found)) {
      if (rooms.get(room) !== text) differences.push(`dev/tools/schema/${room}.txt is stale`);
    }
  }
  return {
    passed: found.match(/^# /gm)?.length ?? 0,
    failed: differences.length,
    details: [...differences, "after a change of supabase/schemas: `npm run schema`"],
  };
}
