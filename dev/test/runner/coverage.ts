import { stripTypeScriptTypes } from "node:module";
import { relative } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";

export interface Coverage {
  /** A table: each folder, and under it each file with lines that have not run. */
  lines: string[];
  /** Of all lines that can run. */
  percent: number;
}

interface Count {
  file: string;
  found: number;
  hit: number;
}

/** Tests and what serves them alone, and data: running those proves nothing. */
export function uncounted(file: string): boolean {
  return /(\.test|\.d|\.types|samples?)\.ts$/.test(file) || file.startsWith("dev/test/") ||
    file.startsWith("supabase/functions/_shared/pdf/fonts/");
}

/**
 * Reads a report in LCOV's format (paths absolute). A source that the report does not name was
 * never loaded: each of its lines of code counts as not run.
 */
export function coverageOf(lcov: string, sources: { file: string; text: string }[]): Coverage {
  const reported = new Map(
    lcov.split("end_of_record").flatMap((record) => {
      const path = /^SF:(.+)$/m.exec(record)?.[1];
      const number = (key: string) =>
        Number(new RegExp(`^${key}:(\\d+)$`, "m").exec(record)?.[1] ?? 0);
      if (path === undefined) return [];
      return [
        [relative(repositoryRoot, path), { found: number("LF"), hit: number("LH") }] as const,
      ];
    }),
  );
  const counts = sources.map(({ file, text }): Count => ({
    file,
    ...reported.get(file) ?? { found: linesOfCode(text), hit: 0 },
  }));
  const lines: string[] = [];
  for (const [folder, own] of Map.groupBy(counts, ({ file }) => folderOf(file))) {
    lines.push(`${share(own)}  ${folder}`);
    const open = own.filter(({ found, hit }) => hit < found);
    for (const count of open) {
      lines.push(`  ${share([count])}  ${count.file} (${count.found - count.hit} not run)`);
    }
  }
  return { lines: [...lines, `${share(counts)}  all`], percent: percentOf(counts) };
}

/** Lines that are neither empty, nor comments, nor types, which nothing runs. */
function linesOfCode(text: string): number {
  const code = stripTypeScriptTypes(text).replace(/\/\*[\s\S]*?\*\//g, "");
  return code.split("\n").filter((line) => line.replace(/\/\/.*$/, "").trim() !== "").length;
}

function folderOf(file: string): string {
  return file.split("/").slice(0, /^(shared|cli)\//.test(file) ? 1 : 2).join("/");
}

function share(counts: Count[]): string {
  return `${percentOf(counts).toFixed(1).padStart(5)} %`;
}

function percentOf(counts: Count[]): number {
  const found = counts.reduce((sum, count) => sum + count.found, 0);
  return found === 0 ? 100 : 100 * counts.reduce((sum, count) => sum + count.hit, 0) / found;
}
