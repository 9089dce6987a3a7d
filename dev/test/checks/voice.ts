import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

/** Words of a private language, and the word of the field that says it. */
const WORDS: Readonly<Record<string, string>> = {
  nudge: "wake",
  scrub: "redact",
  stranger: "unauthenticated caller",
  strangers: "unauthenticated callers",
  surprise: "internal error",
  whoever: "the noun that is meant",
};

const FORBIDDEN = new RegExp(`\\b(${Object.keys(WORDS).join("|")})\\b`, "gi");

/** A statement whose subject is a clause of who or what; a question is none. */
const CLAUSE = /(?:^|(?<=[.:;] )|(?<=[.:;]\n)|(?<=\*\* ))(?:What|Who|Whoever) [^?.]*?[.]/gm;

/** Checks the language of docs and of the code that users read: see docs/glossary.md. */
export async function checkVoice(): Promise<SectionResult> {
  // The decisions keep the words of their day.
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    ...(await listFiles("docs", ".md")).filter((file) => !file.startsWith("docs/adr/")),
  ];
  const code = (await Promise.all(
    ["supabase/schemas", "supabase/functions", "shared", "cli", "console/src"].flatMap((folder) =>
      [".sql", ".ts", ".tsx"].map((extension) => listFiles(folder, extension))
    ),
  )).flat();
  const details: string[] = [];
  for (const file of pages) {
    const text = await Deno.readTextFile(join(repositoryRoot, file));
    details.push(...[...clauses(text), ...words(text)].map((found) => `${file}:${found}`));
  }
  for (const file of code) {
    const text = await Deno.readTextFile(join(repositoryRoot, file));
    details.push(...words(text).map((found) => `${file}:${found}`));
  }
  const tests = await listFiles("supabase/tests", ".sql");
  for (const file of tests) {
    const text = await Deno.readTextFile(join(repositoryRoot, file));
    details.push(...[...descriptions(text), ...words(text)].map((found) => `${file}:${found}`));
  }
  const failed = new Set(details.map((detail) => detail.slice(0, detail.indexOf(":")))).size;
  const read = pages.length + code.length + tests.length;
  return { passed: read - failed, failed, details };
}

/** Sentences that begin with a clause, each `line: words`. Code blocks are skipped. */
export function clauses(markdown: string): string[] {
  const text = markdown.replace(/```.*?```/gs, (block) => block.replace(/[^\n]/g, ""));
  return [...text.matchAll(CLAUSE)].map((match) =>
    `${lineOf(text, match.index)}: a sentence begins with a noun: ${match[0].slice(0, 60)}`
  );
}

/** Descriptions of pgTAP tests that begin with a clause of who, each `line: words`. */
export function descriptions(sql: string): string[] {
  return [...sql.matchAll(/(?<=[\s(])'(?:who|whoever) [^']*'/gi)].map((match) =>
    `${lineOf(sql, match.index)}: a description begins with a noun: ${match[0].slice(0, 60)}`
  );
}

/** Words of the list, each `line: word, say instead`. */
export function words(text: string): string[] {
  return [...text.matchAll(FORBIDDEN)].map(([word], index, all) =>
    `${lineOf(text, all[index]?.index ?? 0)}: ${word}: say ${WORDS[word.toLowerCase()]}`
  );
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
