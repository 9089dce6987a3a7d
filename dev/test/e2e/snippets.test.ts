import { deepStrictEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import postgres from "postgres";
import { repositoryRoot } from "../../platform/repository.ts";
import { runCommand } from "../runner/command.ts";
import { listFiles } from "../runner/files.ts";
import { billJune, seedJune, withDeliveryWorld } from "../support/delivery-world.ts";
import { platform } from "../support/platform-env.ts";

const pages = ["README.md", ...await listFiles("docs", ".md")];
const texts = new Map(
  await Promise.all(
    pages.map(async (page) => [page, await Deno.readTextFile(join(repositoryRoot, page))] as const),
  ),
);

/** The blocks of a page in that language, also those of lists. */
function blocksOf(page: string, language: "sql" | "ts"): string[] {
  const blocks = (texts.get(page) ?? "").matchAll(/^ *```(\w+)\n([^]*?)^ *```$/gm);
  return [...blocks].flatMap(([, kind, text = ""]) => kind === language ? [text] : []);
}

/** The statements of SQL text. Quotes, dollar quotes and comments end none. */
function statementsOf(text: string): string[] {
  const statements: string[] = [];
  let start = 0;
  for (const found of text.matchAll(/\$(\w*)\$[^]*?\$\1\$|'[^']*'|--[^\n]*|;/g)) {
    if (found[0] !== ";") continue;
    statements.push(text.slice(start, found.index).trim());
    start = found.index + 1;
  }
  ok(text.slice(start).replaceAll(/--[^\n]*/g, "").trim() === "", `no end: ${text.slice(start)}`);
  return statements;
}

Deno.test("the server knows every name in the SQL of README and docs", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  const unknown: string[] = [];
  let known = 0;
  try {
    // That page is of a database of an earlier shape; `moving-page` runs it on one.
    for (const page of pages.filter((one) => one !== "docs/moving.md")) {
      for (const statement of blocksOf(page, "sql").flatMap(statementsOf)) {
        try {
          await sql.unsafe(statement).describe();
          known++;
        } catch (error) {
          unknown.push(`${page}: ${error instanceof Error ? error.message : error}: ${statement}`);
        }
      }
    }
  } finally {
    await sql.end();
  }
  deepStrictEqual(unknown, []);
  ok(known > 50, `${known} statements`);
});

Deno.test("the SQL of the README runs from top to bottom", () =>
  withDeliveryWorld(async ({ sql }) => {
    await seedJune(sql, 2);
    await billJune(sql);
    const [first = ""] = blocksOf("README.md", "sql");
    for (const statement of statementsOf(first)) await sql.unsafe(statement);
    deepStrictEqual(
      [
        ...await sql`select number, status from public.invoices where period_start = '2026-06-01'
        and number is not null order by number`,
      ].slice(0, 3).map((row) => ({ ...row })),
      [
        { number: "INV-2026-000001", status: "void" },
        { number: "INV-2026-000002", status: "open" },
        { number: "INV-2026-000003", status: "open" },
      ],
    );
  }));

Deno.test("the TypeScript of README and docs has its types", async () => {
  const given = "declare const url: string;\ndeclare const key: string;\n";
  const files: string[] = [];
  try {
    for (const page of pages) {
      const blocks = blocksOf(page, "ts");
      if (blocks.length === 0) continue;
      // Its imports are those of a file in the checkout.
      const file = await Deno.makeTempFile({ dir: repositoryRoot, suffix: ".snippet.ts" });
      files.push(file);
      await Deno.writeTextFile(file, given + blocks.join("\n"));
    }
    ok(files.length >= 2);
    const { success, output } = await runCommand(Deno.execPath(), ["check", ...files]);
    ok(success, output);
  } finally {
    for (const file of files) await Deno.remove(file);
  }
});
