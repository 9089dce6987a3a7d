import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../../test/runner/files.ts";
import { type Next, nextMigration } from "../schema/next.ts";
import { FIRST_MIGRATION, migrationOf, readSources } from "../schema/rooms.ts";
import { describeBuild } from "./upgrade.ts";

const MIGRATIONS = "supabase/migrations/";

/** What supabase/schemas says, rows included, and the migrations do not make. */
export async function missing(): Promise<Next> {
  const sources = await readSources();
  const wanted = { [FIRST_MIGRATION.slice(MIGRATIONS.length)]: migrationOf(sources) };
  return nextMigration(await describeBuild(wanted), await describeBuild(await written()), sources);
}

async function written(): Promise<Record<string, string>> {
  const files = await listFiles("supabase/migrations", ".sql");
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [
      file.slice(MIGRATIONS.length),
      await Deno.readTextFile(join(repositoryRoot, file)),
    ])),
  );
}
