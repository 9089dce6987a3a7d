import { join } from "node:path";
import postgres from "postgres";
import { z } from "zod";
import { repositoryRoot } from "../../platform/repository.ts";
import { madeIn, readSources, roomOf } from "./rooms.ts";

const folder = join(repositoryRoot, "dev", "tools", "schema");
const SUFFIX = ".txt";
const HEADING = "# ";
/** Begins what the server wrote from its parse tree: other versions write it otherwise. */
const DEPARSED = "~ ";

const Row = z.object({
  object: z.string(),
  text: z.string().nullable(),
  deparsed: z.string().nullable(),
});

/** Writes a description down, a file per room. Returns the folder. */
export async function writeSchema(description: string): Promise<string> {
  const rooms = await byRoom(description);
  for (const file of await descriptions()) await Deno.remove(join(folder, file));
  for (const [room, text] of rooms) await Deno.writeTextFile(join(folder, room + SUFFIX), text);
  return folder;
}

/** The committed description, by room. */
export async function readSchema(): Promise<Map<string, string>> {
  const rooms = new Map<string, string>();
  for (const file of await descriptions()) {
    rooms.set(file.slice(0, -SUFFIX.length), await Deno.readTextFile(join(folder, file)));
  }
  return rooms;
}

async function descriptions(): Promise<string[]> {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name.endsWith(SUFFIX)) files.push(name);
  return files.sort();
}

/** A description as files: each object in that of the room whose source makes it. */
export async function byRoom(description: string): Promise<Map<string, string>> {
  const made = madeIn(await readSources());
  const rooms = new Map<string, string[]>();
  for (const [object, lines] of objectsOf(description, true)) {
    const name = /^\w+(?: view)? ([\w.]+)/.exec(object)?.[1] ?? "";
    // A sequence is made by the table whose name it begins with, `public` by the server.
    const table = [...made.keys()].filter((key) => name.startsWith(`${key}_`))
      .sort((one, other) => other.length - one.length)[0];
    const source = made.get(name) ?? made.get(object.startsWith("sequence") ? table ?? "" : "");
    const room = source === undefined ? "00_foundation" : roomOf(source);
    const text = rooms.get(room) ?? [];
    text.push([`${HEADING}${object}`, ...lines].join("\n"));
    rooms.set(room, text);
  }
  return new Map([...rooms].sort().map(([room, texts]) => [room, `${texts.join("\n\n")}\n`]));
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
    if (before === undefined) return [`${name} is not in dev/tools/schema`];
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

/** The lines of each object of a description; without those that were deparsed, if need be. */
export function objectsOf(text: string, deparsed: boolean): Map<string, string[]> {
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
