import type { EngineName } from "../platform/postgres-engine.ts";
import { Judge, type Verdict } from "./judge.ts";
import { choose, type Mutant, mutantsOf } from "./mutants.ts";
import { Neighbourhood } from "./nearest.ts";
import { NotApplied, type Scratch, withScratch } from "./scratch.ts";
import { readPgtap, readSources } from "./sources.ts";
import { statementsOf } from "./statements.ts";

export interface MutationOptions {
  readonly engine: EngineName;
  readonly seed: number;
  readonly count: number;
  /** Which mutants; all are asked. */
  readonly wanted: (mutant: Mutant) => boolean;
  readonly workers: number;
  readonly nearest: number;
  readonly books: boolean;
  /** After so many seconds no further test is begun. */
  readonly seconds: number;
  readonly tell: (mutant: Mutant, outcome: Outcome) => void;
}

export type Outcome = Verdict | { readonly state: "not applied"; readonly message: string };

/** Makes slips in the SQL, each in a database of its own, and runs tests until one is red. */
export async function runMutations(options: MutationOptions): Promise<Outcome[]> {
  const [sources, tests] = await Promise.all([readSources(), readPgtap()]);
  const all = sources.flatMap(({ file, text }) => mutantsOf(file, text)).filter(options.wanted);
  const waiting = choose(all, options.seed, options.count);
  const statements = sources.flatMap(({ file, text }) => statementsOf(file, text));
  const outcomes: Outcome[] = [];
  await withScratch(options.engine, sources, async (scratch) => {
    const deadline = performance.now() + options.seconds * 1000;
    const judge = new Judge({
      engine: options.engine,
      soundUrl: scratch.soundUrl,
      neighbourhood: new Neighbourhood(statements, tests),
      nearest: options.nearest,
      books: options.books,
      deadline,
    });
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const outcome: Outcome = performance.now() > deadline
          ? { state: "undecided", files: 0 }
          : await outcomeOf(scratch, judge, next);
        outcomes.push(outcome);
        options.tell(next, outcome);
      }
    };
    await Promise.all(Array.from({ length: options.workers }, work));
  });
  return outcomes;
}

async function outcomeOf(scratch: Scratch, judge: Judge, mutant: Mutant): Promise<Outcome> {
  try {
    return await scratch.withMutant(mutant, (url) => judge.judge(mutant, url));
  } catch (error) {
    if (error instanceof NotApplied) return { state: "not applied", message: error.message };
    throw error;
  }
}
