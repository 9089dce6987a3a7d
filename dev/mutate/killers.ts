import { join } from "node:path";
import { repositoryRoot } from "../platform/repository.ts";

// Which tests have noticed slips of an object: they are asked first. Written by --remember.
const FILE = join(repositoryRoot, "dev/mutate/killers.txt");

/** Names of test files by object. */
export type Killers = ReadonlyMap<string, readonly string[]>;

/** Lines of an object and the files; names that are gone do no harm. */
export function parseKillers(text: string): Killers {
  return new Map(
    text.split("\n").filter((line) => line !== "").map((line) => {
      const [object = "", ...files] = line.split(" ");
      return [object, files];
    }),
  );
}

export function printKillers(killers: Killers): string {
  return [...killers].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([object, files]) => `${[object, ...files].join(" ")}\n`).join("");
}

/** With one more that has noticed a slip, by its `testName`. */
export function withKiller(killers: Killers, object: string, name: string): Killers {
  const known = killers.get(object) ?? [];
  return new Map([...killers, [object, known.includes(name) ? known : [...known, name].sort()]]);
}

export async function readKillers(): Promise<Killers> {
  return parseKillers(await Deno.readTextFile(FILE));
}

export async function writeKillers(killers: Killers): Promise<void> {
  await Deno.writeTextFile(FILE, printKillers(killers));
}
