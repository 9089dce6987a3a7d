import { dirname, join } from "node:path";
import { generateTypes } from "../platform/migrations.ts";
import { repositoryRoot } from "../platform/repository.ts";

const path = join(repositoryRoot, "shared", "database.types.ts");

/** Writes the types of the migrated database at `databaseUrl`. Returns the file's path. */
export async function writeDatabaseTypes(databaseUrl: string): Promise<string> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, await generateTypes(databaseUrl));
  return path;
}

/** True when the committed file is what the migrations say. */
export async function databaseTypesAreCurrent(databaseUrl: string): Promise<boolean> {
  try {
    return await Deno.readTextFile(path) === await generateTypes(databaseUrl);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
