import { deepStrictEqual } from "node:assert/strict";
import { listFiles } from "./files.ts";
import { filesOf, runsOnce } from "./once.ts";

const folder = "dev/test/e2e";

Deno.test("on both engines each file runs on one at least, on one engine every file", async () => {
  const files = await listFiles(folder, ".test.ts");
  const onBoth = ["embedded", "debian"] as const;
  const ran = new Set(onBoth.flatMap((engine) => filesOf(engine, onBoth, files)));
  deepStrictEqual([...ran].sort(), [...files].sort());
  for (const engine of onBoth) deepStrictEqual(filesOf(engine, [engine], files), files);
});

Deno.test("a name that runs once is a file's, and stands in one list", async () => {
  const files = await listFiles(folder, ".test.ts");
  const names = [...runsOnce.debian, ...runsOnce.embedded];
  deepStrictEqual(names.filter((name) => !files.includes(`${folder}/${name}.test.ts`)), []);
  deepStrictEqual(names.length, new Set(names).size);
});
