import { deepStrictEqual, ok } from "node:assert/strict";
import { dirname, join, normalize } from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";

const MAX_LINES = 350;

const Package = z.object({ scripts: z.record(z.string(), z.string()) });

const pages = ["README.md", "CONTRIBUTING.md", ...await listFiles("docs", ".md")];
const texts = new Map(
  await Promise.all(
    pages.map(async (page) => [page, await Deno.readTextFile(join(repositoryRoot, page))] as const),
  ),
);

/** Names by which headings of a page are linked to. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```[^]*?^```/gm, "").matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
    ),
  );
}

/** Links of a page to files of the repository, with the heading where they name one. */
function linksOf(page: string): { readonly path: string; readonly anchor: string }[] {
  const text = (texts.get(page) ?? "").replaceAll(/^```[^]*?^```/gm, "").replaceAll(/`[^`]*`/g, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file = "", anchor = ""] = target.split("#");
    return [{ path: file === "" ? page : normalize(join(dirname(page), file)), anchor }];
  });
}

Deno.test("each link of the documents leads to a file, and to a heading where it names one", async () => {
  const broken: string[] = [];
  for (const page of pages) {
    for (const { path, anchor } of linksOf(page)) {
      const there = await Deno.stat(join(repositoryRoot, path)).catch(() => null);
      const text = texts.get(path);
      if (there === null || (anchor !== "" && text !== undefined && !anchorsOf(text).has(anchor))) {
        broken.push(`${page}: ${path}#${anchor}`);
      }
    }
  }
  deepStrictEqual(broken, []);
});

Deno.test("no page of docs has more lines than are read in one go, and docs/README.md lists all", () => {
  const own = pages.filter((page) => /^docs\/[^/]+\.md$/.test(page));
  ok(own.length > 20);
  const long = own.filter((page) => (texts.get(page) ?? "").split("\n").length > MAX_LINES + 1);
  deepStrictEqual(long, []);
  const listed = new Set(linksOf("docs/README.md").map(({ path }) => path));
  deepStrictEqual(own.filter((page) => page !== "docs/README.md" && !listed.has(page)), []);
});

/** Folders whose files documents name in backticks, by their path in the repository. */
const FOLDERS = ["cli", "console", "dev", "docs", "n8n", "scale", "shared", "supabase"];

/** Paths that are none in the checkout: made by a reader, or words of something else. */
const ELSEWHERE = [
  "supabase/functions/.env",
  "supabase/docker",
  "console/policy",
  "console/target",
];

/** Where a path may be: of a room it is a source or a test, which is named without `.sql` too. */
function placesOf(path: string): string[] {
  if (!/^\d\d_\w+\//.test(path)) return [path];
  return [`supabase/schemas/${path}`, `supabase/tests/${path}`, `supabase/tests/${path}.sql`];
}

function isOurs(path: string): boolean {
  return FOLDERS.includes(path.split("/")[0] ?? "") && !ELSEWHERE.includes(path);
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(join(repositoryRoot, path)).catch(() => null) !== null;
}

Deno.test("each script and each file that the documents name is there", async () => {
  const scripts = new Set<string>();
  for (const file of ["package.json", "dev/tools/vendor/package.json"]) {
    const text = await Deno.readTextFile(join(repositoryRoot, file));
    for (const name of Object.keys(Package.parse(JSON.parse(text)).scripts)) scripts.add(name);
  }
  const unknown: string[] = [];
  for (const [page, text] of texts) {
    for (const [, name = ""] of text.matchAll(/\bnpm run ([a-z][\w:-]*\w)/g)) {
      if (!scripts.has(name)) unknown.push(`${page}: npm run ${name}`);
    }
    for (const [, path = ""] of text.matchAll(/`([\w-]+\/[\w./-]*\w)\/?`/g)) {
      const places = placesOf(path);
      if (places.some((place) => !isOurs(place))) continue;
      const there = await Promise.all(places.map(isThere));
      if (!there.includes(true)) unknown.push(`${page}: ${path}`);
    }
  }
  deepStrictEqual(unknown, []);
});
