import { basename, join } from "node:path";
import { repositoryRoot } from "../platform/repository.ts";
import { listFiles } from "../test/runner/files.ts";
import { readSources as readSchemas } from "../tools/schema/rooms.ts";

/** A file by its path, relative to the checkout. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** The SQL that people write, in the order in which it is applied. */
export async function readSources(): Promise<Source[]> {
  return (await readSchemas()).map(({ path, text }) => ({
    file: `supabase/schemas/${path}`,
    text,
  }));
}

const PGTAP = "supabase/tests";

export function readPgtap(): Promise<Source[]> {
  return readAll(PGTAP);
}

/** A test's name in reports and in killers.txt: of pgTAP its path in supabase/tests. */
export function testName(file: string): string {
  return file.startsWith(`${PGTAP}/`) ? file.slice(PGTAP.length + 1) : basename(file);
}

async function readAll(folder: string): Promise<Source[]> {
  const files = await listFiles(folder, ".sql");
  return await Promise.all(files.map(async (file) => ({
    file,
    text: await Deno.readTextFile(join(repositoryRoot, file)),
  })));
}
