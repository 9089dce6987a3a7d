import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { z } from "zod";
import type { EngineName } from "./postgres-engine.ts";
import { repositoryRoot } from "./repository.ts";

/** A directory that keeps a platform between its starts: the database, the files of Storage. */
export interface KeptData {
  /** The cluster's data directory. */
  readonly cluster: string;
  readonly files: string;
  /** Whether there is nothing in it yet. */
  readonly isNew: boolean;
  /** Remembers what it was made by. Call once the platform has started. */
  remember(): Promise<void>;
}

const Made = z.object({
  engine: z.enum(["embedded", "debian"]),
  migrations: z.record(z.string(), z.string()),
});

/**
 * Opens or makes one. Throws where it belongs to another engine, or was made by a migration that
 * reads otherwise now: before a release the one migration is written anew with each change.
 */
export async function openKeptData(directory: string, engine: EngineName): Promise<KeptData> {
  const root = resolve(directory);
  const note = join(root, "made-by.json");
  const migrations = await hashesOfMigrations();
  const made = await readNote(note);
  if (made !== null && made.engine !== engine) {
    throw new Error(`${root} was made by --engine ${made.engine}`);
  }
  const changed = Object.entries(made?.migrations ?? {})
    .filter(([name, hash]) => migrations[name] !== hash).map(([name]) => name);
  if (changed.length > 0) {
    throw new Error(`${root} was made before ${changed.join(", ")} changed; start with another`);
  }
  const cluster = join(root, "cluster");
  // What a first start that did not end has left.
  if (made === null) await Deno.remove(cluster, { recursive: true }).catch(ignoreNotFound);
  await Deno.mkdir(join(root, "files"), { recursive: true });
  return {
    cluster,
    files: join(root, "files"),
    isNew: made === null,
    remember: () => Deno.writeTextFile(note, JSON.stringify({ engine, migrations }, null, 2)),
  };
}

async function readNote(path: string): Promise<z.infer<typeof Made> | null> {
  try {
    return Made.parse(JSON.parse(await Deno.readTextFile(path)));
  } catch (error) {
    return ignoreNotFound(error);
  }
}

async function hashesOfMigrations(): Promise<Record<string, string>> {
  const directory = join(repositoryRoot, "supabase", "migrations");
  const hashes: Record<string, string> = {};
  for await (const { name } of Deno.readDir(directory)) {
    const content = await Deno.readFile(join(directory, name));
    hashes[name] = createHash("sha256").update(content).digest("hex");
  }
  return hashes;
}

function ignoreNotFound(error: unknown): null {
  if (error instanceof Deno.errors.NotFound) return null;
  throw error;
}
