import type { EngineName } from "../../platform/postgres-engine.ts";
import { NotApplied, type Scratch, withScratch } from "../scratch.ts";
import { readSources, type Source } from "../sources.ts";
import { type Copy, edited, withCopy } from "./copy.ts";
import { idsOf, type NamedTest, parseTest, type Planted } from "./planted.ts";
import { PLANTED } from "./registry.ts";
import { type Ended, isRed, runInCopy, runInDatabase } from "./tests.ts";

export interface FindingsOptions {
  readonly engine: EngineName;
  /** Findings by their numbers; none are all. */
  readonly wanted: readonly string[];
  readonly workers: number;
  readonly tell: (line: string) => void;
}

type Verdict = "red" | "NOT RED" | "red without it" | "not planted" | "took too long";

/** Makes each mistake again and runs its test. Returns whether each test went red. */
export async function runFindings(options: FindingsOptions): Promise<boolean> {
  const { wanted } = options;
  const waiting = PLANTED.filter((one) =>
    wanted.length === 0 || idsOf(one).some((id) => wanted.includes(id))
  );
  const verdicts: Verdict[] = [];
  const sound = new Map<string, Promise<Ended>>();
  const sources = await readSources();
  await withScratch(options.engine, sources, async (scratch) => {
    const work = () =>
      withCopy(async (copy) => {
        const judge = new Judge(scratch, copy, sources, sound);
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const { verdict, why } = await judge.judge(next);
          verdicts.push(verdict);
          options.tell(
            `${verdict.padEnd(14)} ${next.finding.padEnd(7)} ${next.fault}: ${next.test}`,
          );
          if (verdict !== "red") options.tell(why.trimEnd().replaceAll(/^/gm, "    "));
        }
      });
    await Promise.all(Array.from({ length: options.workers }, work));
  });
  const red = verdicts.filter((verdict) => verdict === "red").length;
  options.tell(`${red} of ${verdicts.length} mistakes make their test red.`);
  return red > 0 && red === verdicts.length;
}

class Judge {
  readonly #scratch: Scratch;
  readonly #copy: Copy;
  readonly #sources: readonly Source[];
  /** How tests end without any mistake; a file is run once. */
  readonly #sound: Map<string, Promise<Ended>>;

  constructor(
    scratch: Scratch,
    copy: Copy,
    sources: readonly Source[],
    sound: Map<string, Promise<Ended>>,
  ) {
    this.#scratch = scratch;
    this.#copy = copy;
    this.#sources = sources;
    this.#sound = sound;
  }

  async judge({ edits, test: named }: Planted): Promise<{ verdict: Verdict; why: string }> {
    const test = parseTest(named);
    try {
      const ended = await this.#run(test, edits);
      if (!isRed(test, ended)) {
        const verdict = ended.isCutOff ? "took too long" : "NOT RED";
        return { verdict, why: lastOf(ended.output) };
      }
      const sound = await this.#runSound(test);
      if (sound.isCutOff) return { verdict: "took too long", why: lastOf(sound.output) };
      if (isRed(test, sound)) return { verdict: "red without it", why: lastOf(sound.output) };
      return { verdict: "red", why: "" };
    } catch (error) {
      if (error instanceof NotApplied) return { verdict: "not planted", why: error.message };
      throw error;
    }
  }

  #runSound(test: NamedTest): Promise<Ended> {
    const isWhole = test.kind === "pgtap" || test.kind === "cases" || test.kind === "e2e";
    const name = [test.kind, test.file, ...isWhole ? [] : [test.words]].join(" ");
    const known = this.#sound.get(name) ?? this.#run(test, []);
    this.#sound.set(name, known);
    return known;
  }

  async #run(test: NamedTest, edits: Planted["edits"]): Promise<Ended> {
    if (!["pgtap", "cases"].includes(test.kind)) {
      return await this.#copy.withEdits(edits, () => runInCopy(test, this.#copy.root));
    }
    if (edits.length === 0) return await runInDatabase(test, this.#scratch.soundUrl);
    const changed = await edited(edits);
    const others = this.#sources.map(({ file, text }) => ({
      file,
      text: changed.get(file) ?? text,
    }));
    return await this.#scratch.withSources(others, (url) => runInDatabase(test, url));
  }
}

/** The end of what a test printed: its failures stand there. */
function lastOf(output: string): string {
  return output.split("\n").slice(-25).join("\n");
}
