import type { EngineName } from "../platform/postgres-engine.ts";
import { Judge, type Verdict } from "./judge.ts";
import { isExplained } from "./explained.ts";
import { readKillers, withKiller, writeKillers } from "./killers.ts";
import { choose, type Mutant, mutantsOf } from "./mutants.ts";
import { Neighbourhood } from "./nearest.ts";
import { measureReach } from "./reach.ts";
import { NotApplied, withScratch } from "./scratch.ts";
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
const WORTH_MEASURING = 5;

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
  const decide = (mutant: Mutant, outcome: Outcome) => {
    outcomes.push(outcome);
    if (outcome.state === "killed" && outcome.by.endsWith(".sql")) {
      killers = withKiller(killers, mutant.statement.object, outcome.by);
    }
    options.tell(mutant, outcome);
  };
  await withScratch(options.engine, sources, async (scratch) => {
    const neighbourhood = new Neighbourhood(statements, tests, known);
    const judge = new Judge({
      engine: options.engine,
      soundUrl: scratch.soundUrl,
      neighbourhood,
      nearest: options.nearest,
      books: options.books,
      deadline: performance.now() + options.seconds * 1000,
    });
    const standing: Mutant[] = [];
    await inTurn(waiting, options.workers, async (mutant) => {
      const outcome = await outcomeOf(
        scratch.withReplaced(mutant, (url) => judge.judge(mutant, url)),
      );
      if (outcome.state === "survived" && judge.hasMore) standing.push(mutant);
      else decide(mutant, outcome);
    });
    if (standing.length >= WORTH_MEASURING) {
      const files = tests.map(({ file }) => file);
      neighbourhood.learn(await measureReach(scratch, files, options.workers));
    }
    await inTurn(standing, options.workers, async (mutant) => {
      const judged = scratch.withMutant(mutant, (url) => judge.judgeFurther(mutant, url));
      decide(mutant, await outcomeOf(judged));
    });
  });
  if (options.remember) await writeKillers(killers);
  return outcomes;
}

async function inTurn<T>(list: readonly T[], workers: number, act: (item: T) => Promise<void>) {
  const waiting = [...list];
  await Promise.all(Array.from({ length: workers }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await act(next);
  }));
}

async function outcomeOf(judged: Promise<Verdict>): Promise<Outcome> {
  try {
    return await judged;
  } catch (error) {
    if (error instanceof NotApplied) return { state: "not applied", message: error.message };
    throw error;
  }
}
