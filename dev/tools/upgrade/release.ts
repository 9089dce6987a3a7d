import { join } from "node:path";
import { z } from "zod";
import { sha256Of } from "../../../shared/sha256.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../../test/runner/files.ts";

/** A release as it was: its migrations by their SHA-256, and SQL that lives a month under them. */
export const Release = z.object({
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  migrations: z.record(z.string(), z.string().length(64)),
  world: z.string(),
});

/** See the schema of the same name. */
export type Release = z.infer<typeof Release>;

const FOLDER = "dev/tools/upgrade/releases";
const MIGRATIONS = "supabase/migrations";

/** The checkout as a release of that version. */
export async function currentRelease(version: string): Promise<Release> {
  const migrations: Record<string, string> = {};
  for (const file of await listFiles(MIGRATIONS, ".sql")) {
    migrations[file.slice(MIGRATIONS.length + 1)] = await digestOf(file);
  }
  const world = await Deno.readTextFile(
    join(repositoryRoot, "dev", "tools", "upgrade", "world.sql"),
  );
  return { version, migrations, world };
}

/** Writes the checkout down as a release; from then on its migrations must stay as they are. */
export async function recordRelease(version: string): Promise<string> {
  const file = join(repositoryRoot, FOLDER, `${version}.json`);
  const text = JSON.stringify(await currentRelease(version), null, 2);
  await Deno.mkdir(join(repositoryRoot, FOLDER), { recursive: true });
  await Deno.writeTextFile(file, `${text}\n`, { createNew: true });
  return file;
}

/** All releases that were recorded, by file name. None before the first. */
export async function recordedReleases(): Promise<Release[]> {
  const files = await listFiles(FOLDER, ".json");
  return await Promise.all(
    files.map(async (file) =>
      Release.parse(JSON.parse(await Deno.readTextFile(join(repositoryRoot, file))))
    ),
  );
}

/** Released migrations that are gone or were edited: databases that have them never get the change. */
export function editedMigrations(released: Release, current: Release): string[] {
  return Object.entries(released.migrations).flatMap(([file, digest]) =>
    current.migrations[file] === digest ? [] : [
      `${file} ${file in current.migrations ? "was edited" : "is gone"} after ${released.version}`,
    ]
  );
}

async function digestOf(file: string): Promise<string> {
  const bytes = await Deno.readFile(join(repositoryRoot, file));
  return sha256Of(bytes);
}
