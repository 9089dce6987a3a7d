import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

const MAX_LINES = 70;

/** SQL functions that may be longer, each with why. */
const LONGER: Readonly<Record<string, string>> = {
  "_billing.log_groups": "one statement in one pass: parts would read the logs again (ADR 50)",
  "_billing.rollup_step": "what is counted, noted and moved on is one snapshot of the logs",
  "billing.rebuild_usage": "what is replaced, noted and touched is one statement of one snapshot",
  "_billing.document_breakdown": "agents and days of a document come from one reading of its usage",
};

/** A function in SQL text and the lines from `create` to its end. */
export interface SqlFunction {
  readonly name: string;
  readonly lines: number;
}

/** Checks the length of SQL functions; that of TypeScript is a rule of the linter. */
export async function checkFunctionLength(): Promise<SectionResult> {
  const files = await listFiles("supabase/schemas", ".sql");
  const texts = await Promise.all(
    files.map((file) => Deno.readTextFile(join(repositoryRoot, file))),
  );
  const functions = texts.flatMap(functionsIn);
  const details = lengthProblems(functions, LONGER);
  return { passed: functions.length - details.length, failed: details.length, details };
}

/** Functions that are too long, and exceptions that are none any more. */
export function lengthProblems(
  functions: readonly SqlFunction[],
  longer: Readonly<Record<string, string>>,
): string[] {
  const long = functions.filter(({ lines }) => lines > MAX_LINES);
  return [
    ...long.filter(({ name }) => !(name in longer))
      .map(({ name, lines }) => `${name} has ${lines} lines; at most ${MAX_LINES}`),
    ...Object.keys(longer).filter((name) => !long.some((one) => one.name === name))
      .map((name) => `${name} is excused in vain`),
  ];
}

/** The functions and procedures that SQL text creates. */
export function functionsIn(text: string): SqlFunction[] {
  const created = text.matchAll(/^create (?:or replace )?(?:function|procedure) ([\w.]+)/gm);
  return [...created].map(({ index, 1: name = "" }) => ({
    name,
    lines: statementAt(text, index).split("\n").length,
  }));
}

/** A statement up to its semicolon; those in quotes, dollar quotes and comments do not end it. */
function statementAt(text: string, start: number): string {
  const token = /\$(\w*)\$[^]*?\$\1\$|'[^']*'|--[^\n]*|;/g;
  token.lastIndex = start;
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    if (found[0] === ";") return text.slice(start, found.index);
  }
  return text.slice(start);
}
