import { join } from "node:path";
import postgres from "postgres";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "./files.ts";
import { failIfEmpty } from "./report.ts";
import type { SectionResult } from "./report.ts";
import { parseTap, type TapResult } from "./tap.ts";

/**
 * Runs each file of supabase/tests as role `postgres` on a connection of its own, as
 * `supabase test db` does. Files are plain SQL: begin, plan, assertions, finish, rollback.
 */
export async function runPgtap(databaseUrl: string, filter: string): Promise<SectionResult> {
  const setup = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await setup`create extension if not exists pgtap with schema extensions`;
  await setup.end();
  const result: SectionResult = { passed: 0, failed: 0, details: [] };
  for (const file of await listFiles("supabase/tests", ".sql")) {
    if (!file.includes(filter)) continue;
    const { passed, failures } = await runPgtapFile(databaseUrl, file);
    result.passed += passed;
    result.failed += failures.length;
    result.details.push(...failures.map((failure) => `${file}: ${failure}`));
  }
  return failIfEmpty(result);
}

/** Runs one file. Statements that take longer than `limitMs` fail; 0 is no limit. */
export async function runPgtapFile(
  databaseUrl: string,
  file: string,
  limitMs = 0,
): Promise<TapResult> {
  const text = await Deno.readTextFile(join(repositoryRoot, file));
  const sql = postgres(databaseUrl, {
    max: 1,
    onnotice: () => {},
    // As psql of `supabase test db`: the assertions' names are looked up in `extensions` too.
    connection: { search_path: "public, extensions", statement_timeout: limitMs },
  });
  try {
    return parseTap(textOf(await sql.unsafe(text).simple()));
  } catch (error) {
    return { passed: 0, failures: [describe(error, text)] };
  } finally {
    await sql.end();
  }
}

/** Every text cell of every result, in order: pgTAP answers in rows of one column. */
function textOf(results: unknown): string[] {
  if (typeof results === "string") return [results];
  if (Array.isArray(results)) return results.flatMap(textOf);
  if (typeof results === "object" && results !== null) {
    return Object.values(results).flatMap(textOf);
  }
  return [];
}

/** The server's message with the line of the file, where the server says which. */
function describe(error: unknown, text: string): string {
  if (!(error instanceof postgres.PostgresError)) return String(error);
  const position = Number(error.position);
  const line = Number.isNaN(position) ? "" : `line ${text.slice(0, position).split("\n").length}: `;
  const more = [error.detail, error.hint, error.where].filter((part) => part !== undefined);
  return [`${line}${error.code} ${error.message}`, ...more].join("\n    ");
}
