import { deepStrictEqual } from "node:assert/strict";
import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";

/** Requirements of ASVS 4.0.3 at level 2: section, and the numbers in it. */
const LEVEL_2: Readonly<Record<string, string>> = {
  "1.1": "1-7",
  "1.2": "1-4",
  "1.4": "1,4,5",
  "1.5": "1-4",
  "1.6": "1-4",
  "1.7": "1-2",
  "1.8": "1-2",
  "1.9": "1-2",
  "1.10": "1",
  "1.11": "1-2",
  "1.12": "2",
  "1.14": "1-6",
  "2.1": "1-12",
  "2.2": "1-3",
  "2.3": "1-3",
  "2.4": "1-6",
  "2.5": "1-7",
  "2.6": "1-3",
  "2.7": "1-6",
  "2.8": "1-7",
  "2.9": "1-3",
  "2.10": "1-4",
  "3.1": "1",
  "3.2": "1-4",
  "3.3": "1-4",
  "3.4": "1-5",
  "3.5": "1-3",
  "3.7": "1",
  "4.1": "1-3,5",
  "4.2": "1-2",
  "4.3": "1-3",
  "5.1": "1-5",
  "5.2": "1-8",
  "5.3": "1-10",
  "5.4": "1-3",
  "5.5": "1-4",
  "6.1": "1-3",
  "6.2": "1-6",
  "6.3": "1-2",
  "6.4": "1-2",
  "7.1": "1-4",
  "7.2": "1-2",
  "7.3": "1,3,4",
  "7.4": "1-3",
  "8.1": "1-4",
  "8.2": "1-3",
  "8.3": "1-8",
  "9.1": "1-3",
  "9.2": "1-4",
  "10.2": "1-2",
  "10.3": "1-3",
  "11.1": "1-8",
  "12.1": "1-3",
  "12.2": "1",
  "12.3": "1-6",
  "12.4": "1-2",
  "12.5": "1-2",
  "12.6": "1",
  "13.1": "1,3-5",
  "13.2": "1-3,5,6",
  "13.3": "1-2",
  "13.4": "1-2",
  "14.1": "1-4",
  "14.2": "1-6",
  "14.3": "2-3",
  "14.4": "1-7",
  "14.5": "1-4",
};

Deno.test("docs/asvs.md answers each requirement of level 2 once, and names tests that are there", async () => {
  const page = await Deno.readTextFile(join(repositoryRoot, "docs", "asvs.md"));
  const rows = page.split("\n").filter((line) => /^\| \d/.test(line))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const known = ["yes", "no", "n/a", "Supabase", "yours"];
  deepStrictEqual(rows.filter(([, answer = ""]) => !known.includes(answer)), []);
  deepStrictEqual(rows.filter(([, , why = ""]) => why.length < 5), []);
  const answered = rows.flatMap(([ids = ""]) => ids.split(", ").flatMap(expand));
  const wanted = Object.entries(LEVEL_2).flatMap(([section, numbers]) =>
    numbers.split(",").flatMap((part) => {
      const [first = 0, last = first] = part.split("-").map(Number);
      return expand(`${section}.${first}–${section}.${last}`);
    })
  );
  deepStrictEqual(answered.toSorted(), wanted.toSorted());
  const files = [
    ...await listFiles("cli", ".test.ts"),
    ...await listFiles("dev", ".test.ts"),
    ...await listFiles("shared", ".test.ts"),
    ...await listFiles("supabase/functions", ".test.ts"),
    ...await listFiles("supabase/tests", ".sql"),
  ];
  const named = rows.flatMap(([, , why = ""]) =>
    [...why.matchAll(/`((?:\d\d_)?[a-z]+\/[\w-]+)`/g)].map(([, name = ""]) => name)
  ).filter((name) => name !== ".ci/run");
  const missing = named.filter((name) =>
    !files.some((path) => path.endsWith(`/${name}.test.ts`) || path.endsWith(`/${name}.sql`))
  );
  deepStrictEqual([...new Set(missing)], []);
});

/** `2.1.1–2.1.3` as each of them. */
function expand(range: string): string[] {
  const [first = "", last = first] = range.split("–");
  const section = first.slice(0, first.lastIndexOf("."));
  const number = (id: string) => Number(id.slice(id.lastIndexOf(".") + 1));
  return Array.from(
    { length: number(last) - number(first) + 1 },
    (_, place) => `${section}.${number(first) + place}`,
  );
}
