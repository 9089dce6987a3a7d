import { join } from "node:path";
import postgres from "postgres";
import { z } from "zod";
import { repositoryRoot } from "../../platform/repository.ts";

const path = join(repositoryRoot, "dev", "tools", "schema", "schema.txt");
const HEADING = "# ";
/** Begins what the server wrote from its parse tree: other versions write it otherwise. */
const DEPARSED = "~ ";

const Row = z.object({
  object: z.string(),
  text: z.string().nullable(),
  deparsed: z.string().nullable(),
});

/** Writes what the migrated database at `databaseUrl` is made of. Returns the file's path. */
export async function writeSchema(databaseUrl: string): Promise<string> {
  await Deno.writeTextFile(path, await describeSchema(databaseUrl));
  return path;
}

/** The committed description. */
export function readSchema(): Promise<string> {
  return Deno.readTextFile(path);
}

/** Tables, views, functions and all that hangs on them, under a heading each, as text. */
export async function describeSchema(databaseUrl: string): Promise<string> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const query = await Deno.readTextFile(new URL("./objects.sql", import.meta.url));
    const rows = z.array(Row).parse([...await sql.unsafe(query)]);
    return textOf(rows);
  } finally {
    await sql.end();
  }
}

function textOf(rows: readonly z.infer<typeof Row>[]): string {
  const lines: string[] = [];
  let object: string | undefined;
  for (const row of rows) {
    if (row.object !== object) lines.push("", `${HEADING}${row.object}`);
    object = row.object;
    if (row.text !== null) lines.push(...linesOf(row.text));
    if (row.deparsed !== null) {
      lines.push(...linesOf(row.deparsed).map((line) => `${DEPARSED}${line}`));
    }
  }
  return `${lines.join("\n").trimStart()}\n`;
}

function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "");
}

/**
 * What differs between two descriptions, object by object. Where they are of servers of two major
 * versions, what the server deparsed is left out of the comparison.
 */
export function schemaDifferences(
  wanted: string,
  found: string,
  { sameVersion }: { readonly sameVersion: boolean },
): string[] {
  const [one, other] = [objectsOf(wanted, sameVersion), objectsOf(found, sameVersion)];
  return [...new Set([...one.keys(), ...other.keys()])].sort().flatMap((name) => {
    const [before, after] = [one.get(name), other.get(name)];
    if (before === undefined) return [`${name} is not in dev/tools/schema/schema.txt`];
    if (after === undefined) return [`${name} is not in the database`];
    const gone = before.filter((line) => !after.includes(line));
    const come = after.filter((line) => !before.includes(line));
    if (gone.length + come.length === 0) {
      return before.join("\n") === after.join("\n")
        ? []
        : [`${name}: its lines are in another order`];
    }
    return [
      [`${name}:`, ...gone.map((l) => `  - ${l}`), ...come.map((l) => `  + ${l}`)].join("\n"),
    ];
  });
}

function objectsOf(text: string, deparsed: boolean): Map<string, string[]> {
  const objects = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(HEADING)) {
      lines = [];
      objects.set(line.slice(HEADING.length), lines);
    } else if (line !== "" && (deparsed || !line.startsWith(DEPARSED))) lines.push(line);
  }
  return objects;
}
