import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

const MAX_LINES = 350;

/** Files that may be longer, each with why. */
const LONGER: Readonly<Record<string, string>> = {};

/** Files that tools write. */
const GENERATED = ["supabase/migrations/", "shared/database.types.ts"];

const FOLDERS = ["cli", "console", "dev", "scale", "shared", "supabase"];
const ENDS = [".ts", ".tsx", ".mjs", ".sql", ".css", ".html"];

/** Checks that no hand-written file of code has more lines than a reader holds at once. */
export async function checkFileLength(): Promise<SectionResult> {
  const files = (await Promise.all(
    FOLDERS.flatMap((folder) => ENDS.map((end) => listFiles(folder, end))),
  )).flat().filter((file) => !GENERATED.some((prefix) => file.startsWith(prefix)));
  const lengths = new Map<string, number>();
  for (const file of files) {
    lengths.set(file, linesOf(await Deno.readTextFile(join(repositoryRoot, file))));
  }
  const details = longFiles(lengths, LONGER);
  return { passed: files.length - details.length, failed: details.length, details };
}

/** Files that are too long, and exceptions that are none any more. */
export function longFiles(
  lengths: ReadonlyMap<string, number>,
  longer: Readonly<Record<string, string>>,
): string[] {
  const long = [...lengths].filter(([, lines]) => lines > MAX_LINES);
  return [
    ...long.filter(([file]) => !(file in longer))
      .map(([file, lines]) => `${file} has ${lines} lines; at most ${MAX_LINES}`),
    ...Object.keys(longer).filter((file) => !long.some(([one]) => one === file))
      .map((file) => `${file} is excused in vain`),
  ];
}

function linesOf(text: string): number {
  return text.replace(/\n$/, "").split("\n").length;
}
