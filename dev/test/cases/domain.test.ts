import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { topics } from "./topics.ts";

const domain = new URL("../../../docs/domain.md", import.meta.url);

Deno.test("every example of docs/domain.md is a worked case", async () => {
  const names = new Set(
    Object.entries(topics).flatMap(([topic, cases]) =>
      cases.map(({ name }) => `${topic}: ${name}`)
    ),
  );
  const text = (await readFile(domain, "utf8")).replaceAll(/```[^]*?```|`[^`]*`/g, "");
  const cited = [...text.matchAll(/(?<=\s)_([^_]+: [^_]+)_(?=\s|$)/g)].map(([, name = ""]) =>
    name.replaceAll(/\s+/g, " ")
  );
  assert.ok(cited.length >= 40, `only ${cited.length} examples found`);
  assert.deepEqual(cited.filter((name) => !names.has(name)), []);
});
