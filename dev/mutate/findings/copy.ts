import { dirname, join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { FIRST_MIGRATION, migrationOf, readSources } from "../../tools/schema/rooms.ts";
import { listFiles } from "../../test/runner/files.ts";
import { type Edit, planted } from "./planted.ts";

/** A copy of the checkout whose files may say something else for a while. */
export interface Copy {
  readonly root: string;
  /** Runs `use` while the edits are made, in the migration too where they are in its sources. */
  withEdits<T>(edits: readonly Edit[], use: () => Promise<T>): Promise<T>;
}

const SCHEMAS = "supabase/schemas/";
const LEFT_OUT = new Set([".git", ".local", "out"]);

/** Runs `use` on a copy, which is of links to the same files: a file is edited by a new one. */
export async function withCopy<T>(use: (copy: Copy) => Promise<T>): Promise<T> {
  const local = join(repositoryRoot, ".local");
  await Deno.mkdir(local, { recursive: true });
  const root = await Deno.makeTempDir({ dir: local, prefix: "findings-" });
  const stop = () => {
    Deno.removeSync(root, { recursive: true });
    Deno.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stop);
  try {
    for await (const { name } of Deno.readDir(repositoryRoot)) {
      if (!LEFT_OUT.has(name)) await link(join(repositoryRoot, name), join(root, name));
    }
    return await use({
      root,
      withEdits: async (edits, run) => {
        const changed = await edited(edits);
        try {
          for (const [file, text] of changed) await replace(join(root, file), text);
          return await run();
        } finally {
          for (const file of changed.keys()) {
            await Deno.remove(join(root, file));
            await Deno.link(join(repositoryRoot, file), join(root, file));
          }
        }
      },
    });
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stop);
    await Deno.remove(root, { recursive: true });
  }
}

/** The files that edits change, with their new texts; the migration, where its sources change. */
export async function edited(edits: readonly Edit[]): Promise<Map<string, string>> {
  const changed = await changedBy(edits);
  if (![...changed.keys()].some((file) => file.startsWith(SCHEMAS))) return changed;
  const sources = (await readSources()).map(({ path, text }) => ({
    path,
    text: changed.get(`${SCHEMAS}${path}`) ?? text,
  }));
  // What later migrations change is in the sources.
  for (const file of await listFiles("supabase/migrations", ".sql")) changed.set(file, "select;\n");
  return changed.set(FIRST_MIGRATION, migrationOf(sources));
}

/** The files that edits name, with their new texts. */
export async function changedBy(edits: readonly Edit[]): Promise<Map<string, string>> {
  const changed = new Map<string, string>();
  for (const edit of edits) {
    const [file] = edit;
    const text = changed.get(file) ?? await Deno.readTextFile(join(repositoryRoot, file));
    changed.set(file, planted(text, edit));
  }
  return changed;
}

async function replace(path: string, text: string): Promise<void> {
  await Deno.remove(path);
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
}

async function link(from: string, to: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("cp", { args: ["-al", from, to] }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
