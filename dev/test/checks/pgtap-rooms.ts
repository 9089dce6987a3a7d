import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

/** Files about all rooms: the catalog, access, locks, storage, plans and bounds. */
const ALL_ROOMS: readonly string[] = [
  "access.sql",
  "conventions.sql",
  "exact-bounds.sql",
  "hot-reads.sql",
  "locks-by-catalog.sql",
  "locks-taken.sql",
  "storage.sql",
];

/**
 * Checks that each pgTAP file lies in the room of what it puts to the test and begins with its
 * stem: `supabase/tests/50_invoicing/drafts-tax.sql` tests `supabase/schemas/50_invoicing/drafts`.
 */
export async function checkPgtapRooms(): Promise<SectionResult> {
  const tests = await listFiles("supabase/tests", ".sql");
  const details = misplacedTests(tests, await listFiles("supabase/schemas", ".sql"), ALL_ROOMS);
  return { passed: tests.length - details.length, failed: details.length, details };
}

/** Tests that name no room, or no source of theirs; and exceptions that are none. */
export function misplacedTests(
  tests: readonly string[],
  sources: readonly string[],
  allRooms: readonly string[],
): string[] {
  const stems = stemsOf(sources);
  const paths = tests.map((test) => test.replace(/^supabase\/tests\//, ""));
  return [
    ...paths.filter((path) => !allRooms.includes(path)).flatMap((path) => {
      const problem = problemOf(path, stems);
      return problem === undefined ? [] : [`supabase/tests/${path} ${problem}`];
    }),
    ...allRooms.filter((path) => !paths.includes(path)).map((path) => `${path} is excused in vain`),
  ];
}

function problemOf(path: string, stems: ReadonlyMap<string, ReadonlySet<string>>) {
  const [room = "", file, ...further] = path.split("/");
  if (file === undefined) return "lies in no room of supabase/schemas";
  const known = stems.get(room);
  if (known === undefined || further.length > 0) return "lies in no room of supabase/schemas";
  const words = file.replace(/\.sql$/, "").split("-");
  const isNamed = words.some((_, last) => known.has(words.slice(0, last + 1).join("-")));
  return isNamed ? undefined : `begins with no file or folder of supabase/schemas/${room}`;
}

/** By room the names of its files and folders, with hyphens; `x_data.sql` is of `x`. */
function stemsOf(sources: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const stems = new Map<string, Set<string>>();
  for (const source of sources) {
    const [, , room = "", name = ""] = source.split("/");
    const known = stems.get(room) ?? new Set<string>();
    known.add(name.replace(/(_data)?\.sql$/, "").replaceAll("_", "-"));
    stems.set(room, known);
  }
  return stems;
}
