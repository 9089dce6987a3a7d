import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

/** Words of a private language, and the word of the field that says it. */
const WORDS: Readonly<Record<string, string>> = {
  door: "endpoint",
  doors: "endpoints",
  nudge: "wake",
  scrub: "redact",
  stranger: "unauthenticated caller",
  strangers: "unauthenticated callers",
  surprise: "internal error",
  whoever: "the noun that is meant",
  whomever: "the noun that is meant",
};

const FORBIDDEN = new RegExp(`\\b(${Object.keys(WORDS).join("|")})\\b`, "gi");

/** A statement whose subject is a clause of who or what; a question is none. */
const CLAUSE = /(?:^|(?<=[.:;] )|(?<=[.:;]\n)|(?<=\*\* ))(?:What|Who|Whoever) [^?.]*?[.]/gm;

/** The same behind another statement, and who without a noun: "by who asks". */
const INNER_CLAUSE =
  /(?:(?<=;\s)(?:what|who|whom|whatever)|\b(?:by|for|from|of|than|to|with) who)\s[^.;]*/g;

/** In comments the first sentence may be a heading: "What is posted of payments." */
const LATER_CLAUSE = /(?<=[.!]\s)(?:What|Who|Whom|Whatever)\s[^?.]*[.]/g;

/** "Stripe has it no more": an older English than ours. */
const NO_MORE =
  /\b(?:it|them|events|is|are|was|were|told|asked|compared|needed) no more(?=['"`.,;:)]|$)/gm;

/** Folders with code whose comments are read. */
const CODE = ["supabase", "shared", "cli", "console/src", "dev", "scale"];

/** Checks the language of docs, comments, and names of tests: see docs/glossary.md. */
export async function checkVoice(): Promise<SectionResult> {
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    ...(await listFiles(".github", ".md")),
    ...(await listFiles("docs", ".md")),
  ];
  const code = await filesOfCode();
  const details: string[] = [];
  for (const [files, problems] of [[pages, pageProblems], [code, codeProblems]] as const) {
    for (const file of files) {
      const text = await Deno.readTextFile(join(repositoryRoot, file));
      details.push(...problems(text, file).map((found) => `${file}:${found}`));
    }
  }
  const failed = new Set(details.map((detail) => detail.slice(0, detail.indexOf(":")))).size;
  return { passed: pages.length + code.length - failed, failed, details };
}

/** Sentences that begin with a clause, each `line: words`. Code blocks are skipped. */
export function clauses(markdown: string): string[] {
  const text = markdown.replace(/```.*?```/gs, (block) => block.replace(/[^\n]/g, ""));
  return [CLAUSE, INNER_CLAUSE].flatMap((pattern) =>
    found(text, pattern, "a sentence begins with a noun")
  );
}

/** The same in comments of SQL or TypeScript and in what `comment on` says. */
export function commentClauses(code: string): string[] {
  return comments(code).flatMap(({ index, text }) =>
    [LATER_CLAUSE, INNER_CLAUSE].flatMap((pattern) =>
      found(text, pattern, "a sentence begins with a noun", lineOf(code, index) - 1)
    )
  );
}

/** Descriptions of pgTAP tests that begin with a clause, each `line: words`. */
export function descriptions(sql: string): string[] {
  return found(
    sql,
    /(?<=[\s(])'(?:what|who|whom|whoever|whatever) [^']*'/gi,
    "a description begins with a noun",
  );
}

/** Names of Deno tests, steps and cases that begin with a clause, each `line: words`. */
export function testNames(code: string): string[] {
  return found(
    code,
    /(?<=\b(?:Deno\.test|step)\(\s*|\bname: )["`](?:what|who|whom|whoever|whatever) [^"`]*["`]/gi,
    "a name begins with a noun",
  );
}

/** Words of the list, each `line: word, say instead`. */
export function words(text: string): string[] {
  return [...found(text, NO_MORE, "say no longer"), ...listedWords(text)];
}

function listedWords(text: string): string[] {
  return [...text.matchAll(FORBIDDEN)].map(([word], index, all) =>
    `${lineOf(text, all[index]?.index ?? 0)}: ${word}: say ${WORDS[word.toLowerCase()]}`
  );
}

function pageProblems(text: string): string[] {
  return [...clauses(text), ...words(text)];
}

function codeProblems(text: string, file: string): string[] {
  // Its tests are made of what it refuses.
  if (file.startsWith("dev/test/checks/voice")) return [];
  return [
    ...commentClauses(text),
    ...(file.startsWith("supabase/tests/") ? descriptions(text) : testNames(text)),
    ...words(text),
  ];
}

async function filesOfCode(): Promise<string[]> {
  const files = (await Promise.all(
    CODE.flatMap((folder) => [".sql", ".ts", ".tsx"].map((end) => listFiles(folder, end))),
  )).flat();
  // Migrations are written from supabase/schemas; dictionaries hold other languages too.
  return files.filter((file) => !/^(supabase\/migrations|console\/src\/words)\//.test(file));
}

/** Comments with their places: lines of one block together, without their marks. */
function comments(code: string): { index: number; text: string }[] {
  const blocks =
    /\/\*\*?[^]*?\*\/|(?:^[ \t]*(?:\/\/|--)[^\n]*\n?)+|comment on [^;']* is\s+'(?:[^']|'')*'/gm;
  return [...code.matchAll(blocks)].map(({ 0: text, index }) => ({
    index,
    text: text.replace(/^[ \t]*(?:\/\*\*?|\*\/?|\/\/|--) ?/gm, ""),
  }));
}

function found(text: string, pattern: RegExp, rule: string, linesBefore = 0): string[] {
  return [...text.matchAll(pattern)].map((match) =>
    `${linesBefore + lineOf(text, match.index)}: ${rule}: ${match[0].slice(0, 60)}`
  );
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
