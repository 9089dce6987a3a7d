import { dirname, join, normalize } from "node:path/posix";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

/** The files that each file imports; types count, as a change of theirs is felt as well. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

const FUNCTIONS = "supabase/functions/";
const SHARED_BY_FUNCTIONS = `${FUNCTIONS}_shared/`;

/** Which files must not import which others. */
const FORBIDDEN: readonly {
  readonly from: (file: string) => boolean;
  readonly to: (file: string) => boolean;
  readonly why: string;
}[] = [
  {
    from: isIn("shared/"),
    to: (file) => !isIn("shared/")(file),
    why: "shared/ runs anywhere and imports nothing from outside",
  },
  {
    from: isIn(SHARED_BY_FUNCTIONS),
    to: (file) => functionOf(file) !== undefined,
    why: "_shared imports nothing from a function's folder",
  },
  {
    from: isIn(FUNCTIONS),
    to: (file) => !isIn(FUNCTIONS)(file) && !isIn("shared/")(file),
    why: "functions import nothing but functions and shared/",
  },
  {
    from: (file) => isIn("cli/")(file) && !file.endsWith(".test.ts"),
    to: isIn("dev/"),
    why: "the command line is part of the product, which knows nothing of dev/",
  },
  {
    from: isIn("console/"),
    to: (file) => !isIn("console/")(file) && !isIn("shared/")(file),
    why: "the console runs in a browser: it imports nothing but itself and shared/",
  },
  {
    from: (file) => !isIn("dev/demo/")(file),
    to: isIn("dev/demo/"),
    why: "nothing imports the demo; what others need is in dev/test/support",
  },
];

/** Checks that imports of TypeScript keep to the layout of the repository. */
export async function checkImports(): Promise<SectionResult> {
  const graph = await readImports();
  const details = importProblems(graph);
  return { passed: graph.size - details.length, failed: details.length, details };
}

/** What is wrong in a graph of imports: circles, forbidden directions, modules in the wrong place. */
export function importProblems(graph: ImportGraph): string[] {
  return [...circles(graph), ...wrongDirections(graph), ...misplacedShared(graph)];
}

function wrongDirections(graph: ImportGraph): string[] {
  return [...graph].flatMap(([file, imports]) =>
    imports.flatMap((target) => [
      ...(functionOf(file) !== undefined && functionOf(target) !== undefined &&
          functionOf(file) !== functionOf(target)
        ? [`${file} imports ${target}: a function imports nothing from another function`]
        : []),
      ...FORBIDDEN.filter(({ from, to }) => from(file) && to(target))
        .map(({ why }) => `${file} imports ${target}: ${why}`),
    ])
  );
}

/** Modules of _shared that fewer than two functions reach from their index.ts. */
function misplacedShared(graph: ImportGraph): string[] {
  const users = new Map<string, Set<string>>();
  for (const file of graph.keys()) {
    const name = functionOf(file);
    if (name === undefined || file !== `${FUNCTIONS}${name}/index.ts`) continue;
    for (const reached of reachedFrom(file, graph)) {
      users.set(reached, (users.get(reached) ?? new Set()).add(name));
    }
  }
  return [...graph.keys()]
    .filter((file) => isIn(SHARED_BY_FUNCTIONS)(file) && !/\.(test|d)\.ts$/.test(file))
    .flatMap((file) => {
      const [only, ...others] = users.get(file) ?? [];
      if (only === undefined) return [`${file}: no function uses it`];
      return others.length > 0 ? [] : [`${file}: only ${only} uses it; it belongs to its folder`];
    });
}

function reachedFrom(start: string, graph: ImportGraph): Set<string> {
  const reached = new Set([start]);
  for (const file of reached) for (const target of graph.get(file) ?? []) reached.add(target);
  return reached;
}

/** One line for each circle: files that reach each other. */
function circles(graph: ImportGraph): string[] {
  const reach = new Map([...graph.keys()].map((file) => [file, reachedFrom(file, graph)]));
  const seen = new Set<string>();
  return [...graph.keys()].flatMap((file) => {
    if (seen.has(file)) return [];
    const circle = [...reach.get(file) ?? []].filter((other) => reach.get(other)?.has(file));
    for (const member of circle) seen.add(member);
    if (circle.length > 1) return [`${circle.join(", ")} import each other in a circle`];
    return graph.get(file)?.includes(file) ? [`${file} imports itself`] : [];
  });
}

async function readImports(): Promise<ImportGraph> {
  const files = (await Promise.all(
    ["shared", "supabase/functions", "cli", "console", "dev"].flatMap((folder) =>
      [".ts", ".tsx", ".mjs", ".js"].map((suffix) => listFiles(folder, suffix))
    ),
  )).flat().map((file) => file.replaceAll("\\", "/"));
  const known = new Set(files);
  const entries = files.map(async (file) => {
    const text = await Deno.readTextFile(join(repositoryRoot, file));
    return [file, importsOf(file, text).filter((target) => known.has(target))] as const;
  });
  return new Map(await Promise.all(entries));
}

/** The files that a module's text imports by a relative path: `from "…"`, `import "…"`, `import("…")`. */
export function importsOf(file: string, text: string): string[] {
  const specifiers = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"\n]+)"/g);
  return [
    ...new Set(
      [...specifiers].flatMap(([, specifier]) =>
        specifier === undefined ? [] : [normalize(join(dirname(file), specifier))]
      ),
    ),
  ];
}

/** The function whose folder a file is in. */
function functionOf(file: string): string | undefined {
  const [, name] = /^supabase\/functions\/([^/]+)\//.exec(file) ?? [];
  return name === "_shared" ? undefined : name;
}

function isIn(folder: string): (file: string) => boolean {
  return (file) => file.startsWith(folder);
}
