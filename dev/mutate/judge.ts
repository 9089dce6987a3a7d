import { listFiles } from "../test/runner/files.ts";
import { runDenoTest } from "../test/runner/deno-test.ts";
import { runPgtapFile } from "../test/runner/pgtap.ts";
import type { Mutant } from "./mutants.ts";
import type { Neighbourhood } from "./nearest.ts";
import { replacing } from "./scratch.ts";
import { testName } from "./sources.ts";

/** A test file that was red, or that none was; `undecided` where time ran out. */
export type Verdict =
  | { readonly state: "killed"; readonly by: string }
  | { readonly state: "survived"; readonly files: number }
  | { readonly state: "undecided"; readonly files: number };

export interface JudgeOptions {
  readonly engine: string;
  readonly soundUrl: string;
  readonly neighbourhood: Neighbourhood;
  /** How many pgTAP files at most; the nearest come first. */
  readonly nearest: number;
  readonly books: boolean;
  readonly deadline: number;
}

/** A statement that takes longer than this in a test is one that a mutant has made endless. */
const STATEMENT_LIMIT_MS = 40_000;

/** A file that has taken longer is run after those that have not. */
const SLOW_MS = 8000;

/** How many files are run of each mutant before any mutant gets all others. */
const NEAR = 12;

/** Runs tests on databases with mutants until one is red. */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #sound = new Map<string, Promise<boolean>>();
  #lastSound: Promise<boolean> = Promise.resolve(true);
  readonly #ran = new Map<Mutant, ReadonlySet<string>>();
  readonly #slow = new Set<string>();

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  /** The files that are nearest, and of grants the access matrix: they notice most. */
  async judge(mutant: Mutant, databaseUrl: string): Promise<Verdict> {
    const near = this.#filesOf(mutant).slice(0, NEAR);
    this.#ran.set(mutant, new Set(near));
    return await this.#run(mutant, databaseUrl, near, this.#accessFiles(mutant));
  }

  /** Whether there is more to run than the nearest. */
  get hasMore(): boolean {
    return this.#options.nearest > NEAR || this.#options.books;
  }

  /** All others, for a mutant that the nearest have not noticed. */
  async judgeFurther(mutant: Mutant, databaseUrl: string): Promise<Verdict> {
    const ran = this.#ran.get(mutant) ?? new Set();
    const others = this.#filesOf(mutant).filter((file) => !ran.has(file));
    const verdict = await this.#run(mutant, databaseUrl, others, await this.#denoFiles(mutant));
    return verdict.state === "killed" ? verdict : { ...verdict, files: ran.size + verdict.files };
  }

  #filesOf({ statement }: Mutant): string[] {
    const { neighbourhood, nearest } = this.#options;
    const files = neighbourhood.testsOf(statement.object).slice(0, nearest);
    const [slow, quick] = [true, false].map((isSlow) =>
      files.filter((file) => this.#slow.has(file) === isSlow)
    );
    return [...quick ?? [], ...slow ?? []];
  }

  async #run(
    mutant: Mutant,
    databaseUrl: string,
    files: readonly string[],
    denoFiles: readonly string[],
  ): Promise<Verdict> {
    const { deadline } = this.#options;
    for (const [ran, file] of files.entries()) {
      if (performance.now() > deadline) return { state: "undecided", files: ran };
      if (await this.#sound.get(file) === false) continue;
      const begun = performance.now();
      const isKilled = !await isGreen(databaseUrl, file);
      if (performance.now() - begun > SLOW_MS) this.#slow.add(file);
      if (!isKilled) continue;
      if (await this.#isSound(file)) return { state: "killed", by: testName(file) };
    }
    for (const file of denoFiles) {
      if (performance.now() > deadline) return { state: "undecided", files: files.length };
      if (await this.#isDenoRed(mutant, file, databaseUrl)) {
        return { state: "killed", by: testName(file) };
      }
    }
    return { state: "survived", files: files.length };
  }

  /**
   * Whether a file is green without any mutant; else it says nothing of one. One file at a time:
   * two in one database wait for rows of each other, and may wait in a circle.
   */
  #isSound(file: string): Promise<boolean> {
    const known = this.#sound.get(file) ??
      this.#lastSound.then(() => isGreen(this.#options.soundUrl, file));
    this.#sound.set(file, known);
    this.#lastSound = known;
    return known;
  }

  #accessFiles({ rule }: Mutant): string[] {
    return rule === "grant" ? ["dev/test/e2e/access-catalog.test.ts"] : [];
  }

  /** The worked cases; of locks, what two sessions do at once. */
  async #denoFiles({ rule, statement }: Mutant): Promise<string[]> {
    if (rule === "grant" || !this.#options.books) return [];
    const cases = await listFiles("dev/test/cases", ".test.ts");
    if (rule !== "lock" || statement.kind !== "function") return cases;
    const ends = await listFiles("dev/test/e2e", ".test.ts");
    return [...ends.filter((file) => file.includes("concurrency-")), ...cases];
  }

  async #isDenoRed({ sql }: Mutant, file: string, databaseUrl: string): Promise<boolean> {
    const unused = "http://127.0.0.1:9";
    const { failed } = await runDenoTest("current", [file], {
      DATABASE_URL: databaseUrl,
      // Tests of two sessions make databases of their own, and put this in.
      MUTANT_SQL: replacing(sql),
      PLATFORM_ENGINE: this.#options.engine,
      PLATFORM_API_URL: unused,
      PLATFORM_DATABASE_URL: databaseUrl,
      PLATFORM_DATABASE_ADMIN_URL: databaseUrl,
      PLATFORM_MAIL_URL: unused,
      PLATFORM_SMTP_URL: unused,
      PLATFORM_PUBLISHABLE_KEY: "none",
      PLATFORM_SECRET_KEY: "none",
    });
    return failed > 0;
  }
}

async function isGreen(databaseUrl: string, file: string): Promise<boolean> {
  const { failures } = await runPgtapFile(databaseUrl, file, STATEMENT_LIMIT_MS);
  return failures.length === 0;
}
