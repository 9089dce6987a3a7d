import { basename } from "node:path";
import { listFiles } from "../test/runner/files.ts";
import { runDenoTest } from "../test/runner/deno-test.ts";
import { runPgtapFile } from "../test/runner/pgtap.ts";
import type { Mutant } from "./mutants.ts";
import type { Neighbourhood } from "./nearest.ts";
import { replacing } from "./scratch.ts";

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

/** Runs tests on databases with mutants until one is red. */
export class Judge {
  readonly #options: JudgeOptions;
  readonly #sound = new Map<string, Promise<boolean>>();

  constructor(options: JudgeOptions) {
    this.#options = options;
  }

  async judge(mutant: Mutant, databaseUrl: string): Promise<Verdict> {
    const { neighbourhood, nearest, deadline } = this.#options;
    const files = neighbourhood.testsOf(mutant.statement.object).slice(0, nearest);
    for (const [ran, file] of files.entries()) {
      if (performance.now() > deadline) return { state: "undecided", files: ran };
      if (await this.#sound.get(file) === false) continue;
      if (await isGreen(databaseUrl, file)) continue;
      if (await this.#isSound(file)) return { state: "killed", by: basename(file) };
    }
    for (const file of await this.#denoFiles(mutant)) {
      if (performance.now() > deadline) return { state: "undecided", files: files.length };
      if (await this.#isDenoRed(mutant, file, databaseUrl)) {
        return { state: "killed", by: basename(file) };
      }
    }
    return { state: "survived", files: files.length };
  }

  /** Whether a file is green without any mutant; else it says nothing of one. */
  #isSound(file: string): Promise<boolean> {
    const known = this.#sound.get(file) ?? isGreen(this.#options.soundUrl, file);
    this.#sound.set(file, known);
    return known;
  }

  /** The worked cases; of grants, the access matrix; of locks, what two sessions do at once. */
  async #denoFiles({ rule, statement }: Mutant): Promise<string[]> {
    if (rule === "grant") return ["dev/test/e2e/access-catalog.test.ts"];
    if (!this.#options.books) return [];
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
