import { join } from "node:path";
// @ts-types="../../platform/std/toml.d.ts"
import { parse } from "@std/toml/parse";
import { z } from "zod";
import { repositoryRoot } from "../../platform/repository.ts";

/** The migration that the sources are written to until it is released. */
export const FIRST_MIGRATION = "supabase/migrations/20260601000000_release_0_1_0.sql";
const SCHEMAS = join(repositoryRoot, "supabase", "schemas");
const HEADING =
  `-- Release 0.1.0: everything. Written by \`npm run migration\` from supabase/schemas, in the order of
-- schema_paths in supabase/config.toml. Do not edit: change the sources.
`;

const Config = z.object({
  db: z.object({ migrations: z.object({ schema_paths: z.array(z.string()) }) }),
});

/** A file of supabase/schemas. */
export interface Source {
  /** Relative to supabase/schemas: `20_usage/rollup.sql`. */
  readonly path: string;
  readonly text: string;
}

/** A file that names what a file below it in the list makes. */
export interface UpwardReference {
  readonly path: string;
  readonly name: string;
}

/** The files of supabase/schemas in the order that config.toml lists them in. */
export async function readSources(): Promise<Source[]> {
  const text = await Deno.readTextFile(join(repositoryRoot, "supabase", "config.toml"));
  const { db } = Config.parse(parse(text));
  const listed = await Promise.all(db.migrations.schema_paths.map(filesOf));
  return await Promise.all(
    listed.flat().map(async (path) => (
      { path, text: await Deno.readTextFile(join(SCHEMAS, path)) }
    )),
  );
}

/** The files of an entry of the list; `*.sql` names those of a folder, by name as the CLI does. */
async function filesOf(listed: string): Promise<string[]> {
  const path = listed.replace(/^\.\/schemas\//, "");
  if (!path.endsWith("/*.sql")) return [path];
  const folder = path.slice(0, -"/*.sql".length);
  const entries = await Array.fromAsync(Deno.readDir(join(SCHEMAS, folder)));
  return entries.map(({ name }) => name).filter((name) => name.endsWith(".sql")).sort()
    .map((name) => `${folder}/${name}`);
}

/** The migration that makes what the sources say, in an empty database. */
export function migrationOf(sources: readonly Source[]): string {
  return [HEADING, ...sources.map(({ path, text }) => `-- ${path}\n\n${text}`)].join("\n");
}

/** Writes the first migration. Returns its path. */
export async function writeFirstMigration(): Promise<string> {
  const text = migrationOf(await readSources());
  await Deno.writeTextFile(join(repositoryRoot, FIRST_MIGRATION), text);
  return FIRST_MIGRATION;
}

/**
 * What is wrong with the list of sources and, until it is released, with the migration that is made
 * from them. Later ones are compared with the sources by what both make, on a server.
 */
export async function migrationProblems(
  files: readonly string[],
  isReleased: boolean,
): Promise<string[]> {
  const sources = await readSources();
  const listed = new Set(sources.map(({ path }) => `supabase/schemas/${path}`));
  const unlisted = files.filter((file) => !listed.has(file))
    .map((file) => `${file} is not in schema_paths of supabase/config.toml`);
  if (isReleased) return unlisted;
  const written = await Deno.readTextFile(join(repositoryRoot, FIRST_MIGRATION)).catch(() => "");
  const isCurrent = written === migrationOf(sources);
  return isCurrent ? unlisted : [...unlisted, `${FIRST_MIGRATION}: run \`npm run migration\``];
}

/** The folder that a source stands in. */
export function roomOf(path: string): string {
  return path.slice(0, path.indexOf("/"));
}

/** Where each table, view, function and type of ours is made: `billing.jobs` → the source's path. */
export function madeIn(sources: readonly Source[]): Map<string, string> {
  const made = new Map<string, string>();
  for (const { path, text } of sources) {
    const created = text.matchAll(
      /^create (?:or replace )?(?:table|(?:materialized )?view|function|procedure|type|domain) ([\w.]+)/gm,
    );
    for (const [, name] of created) if (name !== undefined) made.set(name, path);
    for (const [, name] of text.matchAll(/^create schema (\w+)/gm)) {
      if (name !== undefined) made.set(name, path);
    }
  }
  return made;
}

/**
 * Sources that name what a later source makes, in code or in text that is run or shown; comments do
 * not count. A source needs only what stands above it, so a room needs only the rooms below it.
 */
export function upwardReferences(sources: readonly Source[]): UpwardReference[] {
  const made = madeIn(sources);
  const place = new Map(sources.map(({ path }, index) => [path, index]));
  return sources.flatMap(({ path, text }, index) => {
    const code = text.replace(/--.*$/gm, "").replace(/^comment on [^]*?';$/gm, "");
    const names = code.match(/\b(?:public|_?billing)\.\w+/g) ?? [];
    return [...new Set(names)]
      .filter((name) => (place.get(made.get(name) ?? path) ?? index) > index)
      .map((name) => ({ path, name }));
  });
}
