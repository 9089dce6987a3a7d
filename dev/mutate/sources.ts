import { join } from "node:path";
import { repositoryRoot } from "../platform/repository.ts";
import { listFiles } from "../test/runner/files.ts";

/** The SQL that people write, relative to the checkout: applied in the order of its names. */
export const SOURCE_FOLDER = "supabase/migrations";

/** A file by its path, relative to the checkout. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

export function readSources(): Promise<Source[]> {
  return readAll(SOURCE_FOLDER);
}

export function readPgtap(): Promise<Source[]> {
  return readAll("supabase/tests");
}

async function readAll(folder: string): Promise<Source[]> {
  const files = await listFiles(folder, ".sql");
  return await Promise.all(files.map(async (file) => ({
    file,
    text: await Deno.readTextFile(join(repositoryRoot, file)),
  })));
}
