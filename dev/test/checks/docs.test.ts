import { deepStrictEqual, ok } from "node:assert/strict";
import { dirname, join, normalize } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";

const MAX_LINES = 350;

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
