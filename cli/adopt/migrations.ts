import { join } from "node:path";

/** A part of a migration that is applied in a transaction of its own. */
export interface Piece {
  readonly name: string;
  readonly sql: string;
}

/** A migration as the CLI of Supabase records it. */
export interface Migration {
  readonly version: string;
  readonly name: string;
  readonly pieces: readonly Piece[];
}

/** The migrations of a folder, in their order. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await Array.fromAsync(Deno.readDir(folder)))
    .map(({ name }) => name).filter((name) => name.endsWith(".sql")).sort();
  return await Promise.all(
    files.map(async (file) => migrationOf(file, await Deno.readTextFile(join(folder, file)))),
  );
}

/** A release is written from many sources, each under its name; other migrations are one piece. */
export function migrationOf(file: string, text: string): Migration {
  const [version = "", name = ""] = file.replace(/\.sql$/, "").split(/_(.*)/);
  const parts = text.split(/^-- (\d\d_[a-z_]+\/[a-z0-9_/]+\.sql)$/m);
  if (parts.length === 1) return { version, name, pieces: [{ name: file, sql: text }] };
  const pieces: Piece[] = [];
  for (let at = 1; at < parts.length; at += 2) {
    pieces.push({ name: parts[at] ?? "", sql: parts[at + 1] ?? "" });
  }
  return { version, name, pieces };
}

/** The tables, views, functions and types that the migrations make in schema public. */
export function publicNames(migrations: readonly Migration[]): string[] {
  return migrations.flatMap(({ pieces }) =>
    pieces.flatMap(({ sql }) =>
      [...sql.matchAll(
        /^create (?:or replace )?(?:table|view|materialized view|function|type) public\.(\w+)/gm,
      )].map(([, name = ""]) => name)
    )
  );
}

/** The piece that makes the log that agents write. */
export const LOG_PIECE = "20_usage/logs.sql";
