import postgres from "postgres";
import {
  madeIn,
  migrationProblems,
  readSources,
  roomOf,
  upwardReferences,
} from "../../tools/schema/rooms.ts";
import { recordedReleases } from "../../tools/upgrade/release.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

/** Names that a source shows to people although they are made further up, each with the reason. */
const SHOWN: Readonly<Record<string, string>> = {
  "00_foundation/guards.sql billing.correct_log": "the hint says what to call instead",
  "35_books/invoice_guards.sql billing.void_invoice": "the hint says what to call instead",
  "90_operations/jobs.sql _billing.schedule_jobs": "the warning says what to call",
};

/** Every source is in the list, and the first migration, until it is released, is made of them. */
export async function checkMigration(): Promise<SectionResult> {
  const files = await listFiles("supabase/schemas", ".sql");
  const isReleased = (await recordedReleases()).length > 0;
  const details = await migrationProblems(files, isReleased);
  return { passed: files.length - details.length, failed: details.length, details };
}

/** Every source names only what is made above it, so every room only the rooms below it. */
export async function checkDirections(): Promise<SectionResult> {
  const sources = await readSources();
  const found = upwardReferences(sources).map(({ path, name }) => `${path} ${name}`);
  const details = [
    ...found.filter((reference) => !(reference in SHOWN))
      .map((reference) => `${reference.replace(" ", " names ")}, which is made further up`),
    ...Object.keys(SHOWN).filter((reference) => !found.includes(reference))
      .map((reference) => `${reference} is excused in vain`),
  ];
  return { passed: sources.length - details.length, failed: details.length, details };
}

/** The same, asked of the catalog: names that no source writes out stand in it too. */
export async function checkDependencies(databaseUrl: string): Promise<SectionResult> {
  const made = madeIn(await readSources());
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    const query = await Deno.readTextFile(
      new URL("../../tools/schema/dependencies.sql", import.meta.url),
    );
    const edges = await sql.unsafe<{ name: string; uses: string }[]>(query);
    const room = (name: string) => roomOf(made.get(name) ?? "?/");
    const unplaced = edges.flatMap(({ name, uses }) => [name, uses]).filter((n) => !made.has(n));
    const details = [
      ...[...new Set(unplaced)].map((name) => `${name} is made by no file of supabase/schemas`),
      ...edges.filter(({ name, uses }) => room(uses) > room(name))
        .map(({ name, uses }) => `${name} (${room(name)}) uses ${uses} (${room(uses)})`),
    ];
    return { passed: edges.length - details.length, failed: details.length, details };
  } finally {
    await sql.end();
  }
}
