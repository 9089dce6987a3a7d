import type { Killers } from "./killers.ts";
import type { Reached } from "./reach.ts";
import { type Source, testName } from "./sources.ts";
import type { Statement } from "./statements.ts";

/** Who names whom among database objects, and which tests name them. */
export class Neighbourhood {
  readonly #words: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #tests: readonly { file: string; words: readonly string[]; size: number }[];
  /** What the server counts calls of. */
  readonly #counted = new Set<string>();
  readonly #reached = new Map<string, ReadonlySet<string>>();

  readonly #killers: Killers;

  constructor(
    statements: readonly Statement[],
    tests: readonly Source[],
    killers: Killers = new Map(),
  ) {
    this.#killers = killers;
    const words = new Map<string, Set<string>>();
    for (const { object, kind, sql } of statements) {
      if (kind === "function" && /\blanguage plpgsql\b/.test(sql)) {
        this.#counted.add(shortName(object));
      }
      const known = words.get(object) ?? new Set<string>();
      for (const word of wordsOf(sql)) known.add(word);
      words.set(object, known);
    }
    this.#words = words;
    this.#tests = tests.map(({ file, text }) => ({
      file,
      words: wordsOf(text),
      size: text.length,
    }));
  }

  /**
   * From here on tests that reach an object are all that there are of it. A test reaches what it
   * calls, and views, tables and functions that may be inlined where what it reaches names them.
   */
  learn(reached: ReadonlyMap<string, Reached>): void {
    const inlined = new Map<string, Set<string>>();
    for (const [object, words] of this.#words) {
      const known = inlined.get(shortName(object)) ?? new Set<string>();
      for (const word of words) known.add(word);
      inlined.set(shortName(object), known);
    }
    for (const { file, words } of this.#tests) {
      const { called, isGreen } = reached.get(file) ??
        { called: new Set<string>(), isGreen: false };
      const found = new Set(isGreen ? called : []);
      const waiting = isGreen
        ? [...called, ...words.filter((word) => !this.#counted.has(word))]
        : [];
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
        found.add(name);
        for (const word of inlined.get(name) ?? []) {
          if (!found.has(word) && !this.#counted.has(word) && inlined.has(word)) waiting.push(word);
        }
      }
      this.#reached.set(file, found);
    }
  }

  /**
   * All tests, those first that have noticed a slip of the object before, then those that name it,
   * then those that name what names it, and so on.
   */
  testsOf(object: string): string[] {
    const distances = this.#distances(object);
    const name = shortName(object);
    const known = this.#killers.get(object) ?? [];
    return this.#tests.filter(({ file }) => this.#reached.get(file)?.has(name) ?? true).map(
      ({ file, words, size }) => {
        const near = Math.min(...words.map((word) => distances.get(word) ?? Infinity));
        const often = words.filter((word) => distances.get(word) === near).length;
        return { file, near, often, size, isNew: known.includes(testName(file)) ? 0 : 1 };
      },
    ).sort((a, b) =>
      compare(a.isNew, b.isNew) || compare(a.near, b.near) ||
      compare(b.often / b.size, a.often / a.size) ||
      compare(a.size, b.size)
    ).map(({ file }) => file);
  }

  #distances(object: string): Map<string, number> {
    const found = new Map([[shortName(object), 0]]);
    let ring = [shortName(object)];
    for (let distance = 1; ring.length > 0; distance++) {
      const next = [...this.#words].filter(([name, words]) =>
        !found.has(shortName(name)) && ring.some((word) => words.has(word))
      ).map(([name]) => shortName(name));
      for (const name of next) found.set(name, distance);
      ring = next;
    }
    return found;
  }
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function shortName(object: string): string {
  return object.slice(object.lastIndexOf(".") + 1);
}

function wordsOf(sql: string): string[] {
  return sql.replace(/--.*$/gm, "").toLowerCase().match(/[a-z_]\w*/g) ?? [];
}
