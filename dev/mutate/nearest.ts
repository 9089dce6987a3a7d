import type { Source } from "./sources.ts";
import type { Statement } from "./statements.ts";

/** Who names whom among database objects, and which tests name them. */
export class Neighbourhood {
  readonly #words: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #tests: readonly { file: string; words: readonly string[]; size: number }[];

  constructor(statements: readonly Statement[], tests: readonly Source[]) {
    const words = new Map<string, Set<string>>();
    for (const { object, sql } of statements) {
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

  /** All tests, those first that name the object, then those that name what names it, and so on. */
  testsOf(object: string): string[] {
    const distances = this.#distances(object);
    return this.#tests.map(({ file, words, size }) => {
      const near = Math.min(...words.map((word) => distances.get(word) ?? Infinity));
      const often = words.filter((word) => distances.get(word) === near).length;
      return { file, near, often, size };
    }).sort((a, b) =>
      compare(a.near, b.near) || compare(b.often / b.size, a.often / a.size) ||
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
