import { deepStrictEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { cpuUsage } from "node:process";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";

/** Expressions that take more than linear time on long text, and why they never meet any. */
const BOUNDED: Readonly<Record<string, string>> = {
  "/0+$/": "shared/money.ts: digits after the point of a decimal, at most 40 by its schema",
  "/\\/+$/": "deliver/outbound/hermes.ts: HERMES_URL, a variable of the owner",
};

const LENGTH = 40_000;
/** A linear expression takes a tenth of it, a quadratic one three times as much. */
const LIMIT_MS = 300;

Deno.test("no regular expression takes long for a text that somebody made up to be slow", async () => {
  const slow: string[] = [];
  const bounded = new Set(Object.keys(BOUNDED));
  for (const { file, expression } of await expressions()) {
    if (bounded.delete(String(expression))) continue;
    if (runs(expression).some((run) => isSlow(expression, run))) {
      slow.push(`${file}: ${expression}`);
    }
  }
  deepStrictEqual(slow, []);
  deepStrictEqual([...bounded], [], "named here, but in no file");
});

Deno.test("an expression that is slow is seen to be, one that is not is not", () => {
  const isFound = (expression: RegExp) => runs(expression).some((run) => isSlow(expression, run));
  deepStrictEqual([/\s+$/, /^\s+/, /a{1,64}@/g].map(isFound), [true, false, false]);
});

/** Every expression in the code of what is deployed, each once. */
async function expressions(): Promise<{ file: string; expression: RegExp }[]> {
  const found = new Map<string, { file: string; expression: RegExp }>();
  for (const folder of ["shared", "supabase/functions"]) {
    for (const file of await listFiles(folder, ".ts")) {
      if (file.endsWith(".test.ts") || file.endsWith(".d.ts")) continue;
      const text = await Deno.readTextFile(join(repositoryRoot, file));
      // A slash after what no division follows; classes and escapes may hold another.
      const literals = text.matchAll(
        /(?<=[(,=:?]\s*|&&\s*|\|\|\s*|return\s+)\/((?:\[(?:\\.|[^\]\\\n])*\]|\\.|[^/[\\\n*])(?:\[(?:\\.|[^\]\\\n])*\]|\\.|[^/[\\\n])*)\/([dgimsuvy]*)/g,
      );
      for (const [literal, source = "", flags = ""] of literals) {
        found.set(literal, { file, expression: new RegExp(source, flags) });
      }
    }
  }
  ok(found.size > 35, `only ${found.size} expressions were found`);
  return [...found.values()];
}

/** What the expression knows, alone and in pairs. */
function runs({ source }: RegExp): string[] {
  const known = source.replace(
    /\\u([0-9a-f]{4})/g,
    (_, code) => String.fromCharCode(parseInt(code, 16)),
  );
  const letters = new Set([..." \n0a@", ...known]);
  return [...letters].flatMap((letter) => [letter, `${letter}a`]);
}

/** Whether long runs, ended by what stops a match, take long; twice, so that it is no accident. */
function isSlow(expression: RegExp, run: string): boolean {
  return ["", "\u0001"].some((end) => {
    const text = run.repeat(LENGTH / run.length) + end;
    return [1, 2].every(() => cpuTimeOf(expression, text) > LIMIT_MS);
  });
}

/** Milliseconds of this process's own: a busy machine makes none slower. */
function cpuTimeOf(expression: RegExp, text: string): number {
  const before = cpuUsage();
  if (expression.global) { for (const _ of text.matchAll(expression)); }
  else expression.exec(text);
  const { user, system } = cpuUsage(before);
  return (user + system) / 1000;
}
