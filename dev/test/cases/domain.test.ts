import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { topics } from "./topics.ts";

const PAGES = ["domain", "counting", "price-rules", "granted-credit"];

Deno.test("every example of the pages of rules is a worked case", async () => {
  const names = new Set(
    Object.entries(topics).flatMap(([topic, cases]) =>
      cases.map(({ name }) => `${topic}: ${name}`)
    ),
  );
  const pages = await Promise.all(
    PAGES.map((page) => readFile(new URL(`../../../docs/${page}.md`, import.meta.url), "utf8")),
  );
  const text = pages.join("\n").replaceAll(/```[^]*?```|`[^`]*`/g, "");
  const cited = [...text.matchAll(/(?<=\s)_([^_]+: [^_]+)_(?=\s|$)/g)].map(([, name = ""]) =>
    name.replaceAll(/\s+/g, " ")
  );
  assert.ok(cited.length >= 40, `only ${cited.length} examples found`);
  assert.deepEqual(cited.filter((name) => !names.has(name)), []);
});
