import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

const MAX_COLUMNS = 100;
const KEYWORDS =
  /\b(SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|GRANT|REVOKE|FROM|WHERE|JOIN|BEGIN|RETURNS)\b/;

/** Checks every SQL file of the project: width, lower-case keywords, white space. */
export async function checkSql(): Promise<SectionResult> {
  // Migrations are written from supabase/schemas.
  const files = [
    ...await listFiles("supabase/schemas", ".sql"),
    ...await listFiles("supabase/tests", ".sql"),
    ...await listFiles("dev", ".sql"),
    ...await listFiles("cli", ".sql"),
    ...await listFiles("scale", ".sql"),
  ];
  const result: SectionResult = { passed: 0, failed: 0, details: [] };
  for (const file of files) {
    const problems = sqlStyleProblems(await Deno.readTextFile(join(repositoryRoot, file)));
    if (problems.length === 0) result.passed++;
    else result.failed++;
    result.details.push(...problems.map((problem) => `${file}:${problem}`));
  }
  return result;
}

/** The departures from the house style in one file, each `line: what`. */
export function sqlStyleProblems(text: string): string[] {
  const lines = text.replace(/\n$/, "").split("\n");
  const problems: string[] = [];
  lines.forEach((line, index) => {
    const report = (what: string) => problems.push(`${index + 1}: ${what}`);
    if ([...line].length > MAX_COLUMNS) report(`wider than ${MAX_COLUMNS} columns`);
    if (/\s+$/.test(line)) report("white space at the end");
    if (line.includes("\t")) report("a tab");
    const code = line.replace(/'[^']*'/g, "''").replace(/--.*$/, "").replace(/"[^"]*"/g, '""');
    if (KEYWORDS.test(code)) report("a keyword in capitals");
  });
  return problems;
}
