import type { EngineName } from "../platform/postgres-engine.ts";
import { Judge, type Verdict } from "./judge.ts";
import { isExplained } from "./explained.ts";
import { readKillers, withKiller, writeKillers } from "./killers.ts";
import { choose, type Mutant, mutantsOf } from "./mutants.ts";
import { Neighbourhood } from "./nearest.ts";
import { measureReach } from "./reach.ts";
import { NotApplied, type Scratch, withScratch } from "./scratch.ts";
import { readPgtap, readSources } from "./sources.ts";
import { statementsOf } from "./statements.ts";

export interface MutationOptions {
  readonly engine: EngineName;
  readonly seed: number;
  readonly count: number;
  /** Whether each rule gives one in turn; else every slip is as likely as every other. */
  readonly eachRule: boolean;
  /** Which mutants; all are asked. */
  readonly wanted: (mutant: Mutant) => boolean;
  readonly workers: number;
  readonly nearest: number;
  readonly books: boolean;
  /** After so many seconds no further test is begun. */
  readonly seconds: number;
  /** Notes which tests have noticed something, for the next time. */
  readonly remember: boolean;
  readonly tell: (mutant: Mutant, outcome: Outcome) => void;
}

/** From so many slips on it pays to run all tests once, and then only those that reach a slip. */
const WORTH_MEASURING = 40;

export type Outcome = Verdict | { readonly state: "not applied"; readonly message: string };

/** Makes slips in the SQL, each in a database of its own, and runs tests until one is red. */
export async function runMutations(options: MutationOptions): Promise<Outcome[]> {
  const [sources, tests, known] = await Promise.all([readSources(), readPgtap(), readKillers()]);
  const all = sources.flatMap(({ file, text }) => mutantsOf(file, text))
    .filter((mutant) => options.wanted(mutant) && !isExplained(mutant));
  const waiting = choose(all, options.seed, options.count, options.eachRule);
  const statements = sources.flatMap(({ file, text }) => statementsOf(file, text));
  const outcomes: Outcome[] = [];
  let killers = known;
  await withScratch(options.engine, sources, async (scratch) => {
    const neighbourhood = new Neighbourhood(statements, tests, known);
    if (waiting.length >= WORTH_MEASURING) {
      const files = tests.map(({ file }) => file);
      neighbourhood.learn(await measureReach(scratch, files, options.workers));
    }
    const deadline = performance.now() + options.seconds * 1000;
    const judge = new Judge({
      engine: options.engine,
      soundUrl: scratch.soundUrl,
      neighbourhood,
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
        if (outcome.state === "killed" && outcome.by.endsWith(".sql")) {
          killers = withKiller(killers, next.statement.object, outcome.by);
        }
        options.tell(next, outcome);
      }
    };
    await Promise.all(Array.from({ length: options.workers }, work));
  });
  if (options.remember) await writeKillers(killers);
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
