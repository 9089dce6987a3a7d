import { deepStrictEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";

Deno.test("each defence of docs/security.md is proved by a test that is there under that name", async () => {
  const pages = await Promise.all(
    ["docs/security.md", "docs/adr/0063-signed-calls.md"].map((page) =>
      Deno.readTextFile(join(repositoryRoot, page))
    ),
  );
  const cited = pages.flatMap(citations);
  const files = [
    ...await listFiles("cli", ".test.ts"),
    ...await listFiles("dev", ".test.ts"),
    ...await listFiles("shared", ".test.ts"),
    ...await listFiles("supabase/functions", ".test.ts"),
    ...await listFiles("supabase/tests", ".sql"),
  ];
  const missing: string[] = [];
  for (const { file, words } of cited) {
    const fitting = files.filter((path) =>
      path.endsWith(`/${file}.test.ts`) || path.endsWith(`/${file}.sql`)
    );
    const texts = await Promise.all(
      fitting.map((path) => Deno.readTextFile(join(repositoryRoot, path))),
    );
    const said = texts.join("\n").replaceAll("''", "'").replaceAll(/\s+/g, " ");
    if (words.length < 12 || !said.includes(words)) missing.push(`${file}: ${words}`);
  }
  deepStrictEqual(missing, []);
  ok(cited.length > 55, `only ${cited.length} tests are named`);
});

Deno.test("a row of the page that names no test is seen, a table that proves nothing is passed over", () => {
  const head = "| attack | what stops it | proved by |\n| --- | --- | --- |\n";
  deepStrictEqual(citations(`${head}| a | b | \`x/y\`: one thing is so; \`z\`: another is |`), [
    { file: "x/y", words: "one thing is so" },
    { file: "z", words: "another is" },
  ]);
  deepStrictEqual(citations(`${head}| a | b | c |`), [{ file: "c", words: "" }]);
  deepStrictEqual(citations("| who | holds |\n| --- | --- |\n| a | b |\n"), []);
});

/** What the last column of tables with a column `proved by` says: a file and words of a name. */
function citations(page: string): { file: string; words: string }[] {
  const found: { file: string; words: string }[] = [];
  let proving = false;
  for (const line of page.split("\n")) {
    if (!line.startsWith("|")) {
      proving = false;
      continue;
    }
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    const last = cells.at(-1) ?? "";
    if (last === "proved by") proving = true;
    else if (proving && !/^-+$/.test(last)) {
      for (const one of last.split(/;\s*(?=`)/)) {
        const [, file, words = ""] = /^`([^`]+)`: (.+)$/.exec(one) ?? [];
        found.push({ file: file ?? one, words });
      }
    }
  }
  return found;
}
