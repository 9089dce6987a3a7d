import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Plugin, stop } from "esbuild";
import { repositoryRoot } from "../platform/repository.ts";
import { headersOf, policyOf } from "./policy.ts";
import { type ConsoleTarget, targetProblem } from "./target.ts";

/** What was built. */
export interface ConsoleBuild {
  /** Bytes, packed as a host sends them, of what the first page loads: page, style, script. */
  readonly firstLoad: number;
  /** The largest part that a page loads later. */
  readonly largestPart: number;
}

const SOURCE = join(repositoryRoot, "console");

/** Writes the console for a project into a folder, made anew: files for any static host. */
export async function buildConsole(folder: string, target: ConsoleTarget): Promise<ConsoleBuild> {
  const problem = targetProblem(target);
  if (problem !== null) throw new Error(problem);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const { outputFiles, metafile } = await build({
    absWorkingDir: repositoryRoot,
    entryPoints: [
      "console/src/main.tsx",
      "console/style/console.css",
      "console/src/embed/elements.tsx",
      "console/src/embed/page.ts",
    ],
    outdir: join(folder, "assets"),
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    target: ["es2022", "chrome123", "firefox120", "safari17.5"],
    jsx: "automatic",
    jsxImportSource: "preact",
    // Of the whole client, errors of functions are used alone.
    alias: { "@supabase/supabase-js": "@supabase/functions-js" },
    plugins: [namespaceOfZod],
    legalComments: "linked",
    metafile: true,
    write: false,
    logLevel: "silent",
  }).finally(stop);
  await mkdir(join(folder, "assets"), { recursive: true });
  const sizes = new Map<string, number>();
  for (const { path, contents } of outputFiles) {
    sizes.set(basename(path), gzipSync(contents, { level: 9 }).length);
    await writeFile(path, contents);
  }
  const script = outputOf(metafile.outputs, "console/src/main.tsx");
  const style = outputOf(metafile.outputs, "console/style/console.css");
  const page = await writePage(folder, target, script, style);
  await writeEmbed(folder, target, style, metafile.outputs);
  const first = [script, style, ...importedBy(metafile.outputs, script)];
  const size = (name: string) => sizes.get(name) ?? 0;
  const parts = [...sizes.keys()].filter((name) => name.endsWith(".js") && !first.includes(name));
  return {
    firstLoad: gzipSync(page).length + first.reduce((sum, name) => sum + size(name), 0),
    largestPart: Math.max(0, ...parts.map(size)),
  };
}

async function writePage(
  folder: string,
  target: ConsoleTarget,
  script: string,
  style: string,
): Promise<string> {
  const template = await readFile(join(SOURCE, "index.html"), "utf8");
  const page = template
    .replace("{{policy}}", policyOf(target.url))
    .replace("{{script}}", `assets/${script}`)
    .replace("{{style}}", `assets/${style}`);
  await writeFile(join(folder, "index.html"), page);
  await writeFile(join(folder, "config.json"), `${JSON.stringify(target, null, 2)}\n`);
  await copyFile(join(SOURCE, "icon.svg"), join(folder, "icon.svg"));
  const headers = Object.entries(headersOf(target.url));
  // What Cloudflare Pages and Netlify read; other hosts take the same from the deploy guide.
  await writeFile(
    join(folder, "_headers"),
    `/*\n${headers.map(([name, value]) => `  ${name}: ${value}\n`).join("")}` +
      // Pages of others load the elements, which hold nothing but what is public.
      ["/leveredge.js", "/assets/*"]
        .map((path) => `${path}\n  access-control-allow-origin: *\n`).join(""),
  );
  return page;
}

/** The elements under a name that stays, for pages of others, and a page that shows them. */
async function writeEmbed(
  folder: string,
  target: ConsoleTarget,
  style: string,
  outputs: Outputs,
): Promise<void> {
  const elements = outputOf(outputs, "console/src/embed/elements.tsx");
  await writeFile(join(folder, "leveredge.js"), `export * from "./assets/${elements}";\n`);
  const template = await readFile(join(SOURCE, "embed.html"), "utf8");
  const page = template
    .replace("{{policy}}", policyOf(target.url))
    .replace("{{embed}}", `assets/${outputOf(outputs, "console/src/embed/page.ts")}`)
    .replace("{{style}}", `assets/${style}`);
  await writeFile(join(folder, "embed.html"), page);
}

type Outputs = Readonly<
  Record<string, {
    readonly entryPoint?: string;
    readonly imports: readonly { readonly path: string; readonly kind: string }[];
  }>
>;

function outputOf(outputs: Outputs, entry: string): string {
  const found = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint === entry);
  if (found === undefined) throw new Error(`${entry} was not built`);
  return basename(found[0]);
}

/** Names of the files that a file imports before it runs, and those that they import. */
function importedBy(outputs: Outputs, name: string): string[] {
  const byName = new Map(Object.entries(outputs).map(([path, output]) => [basename(path), output]));
  const found = new Set([name]);
  for (const one of found) {
    for (const { path, kind } of byName.get(one)?.imports ?? []) {
      if (kind === "import-statement") found.add(basename(path));
    }
  }
  found.delete(name);
  return [...found];
}

/**
 * `import { z }` names an object that holds all of zod, its messages in fifty languages too; the
 * namespace lets the bundler take what is used: 34 kB of client and routes instead of 98.
 */
const namespaceOfZod: Plugin = {
  name: "namespace-of-zod",
  setup({ onLoad }) {
    onLoad({ filter: /[\\/](shared|console)[\\/].*\.tsx?$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8"))
        .replace(/^import \{ z \} from "zod";$/m, 'import * as z from "zod";'),
      loader: path.endsWith("x") ? "tsx" : "ts",
    }));
  },
};
