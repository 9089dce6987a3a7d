/** What one section found. */
export interface SectionResult {
  passed: number;
  failed: number;
  /** Printed under the heading when something failed: what, where, why. */
  details: string[];
}

/** A section that ran nothing proves nothing: it fails. */
export function failIfEmpty(result: SectionResult): SectionResult {
  if (result.passed + result.failed > 0) return result;
  return { passed: 0, failed: 1, details: ["no test ran"] };
}

/** Collects sections, several at once if need be, and prints how each ends under its name. */
export class Report {
  passed = 0;
  failed = 0;
  readonly #print: (line: string) => void;
  readonly #failedSections: string[] = [];
  readonly #started = performance.now();

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Runs one section. A section that throws counts as one failure. */
  async section(name: string, run: () => Promise<SectionResult>): Promise<void> {
    this.#print(`\n── ${name}`);
    const started = performance.now();
    let result: SectionResult;
    try {
      result = await run();
    } catch (error) {
      const message = error instanceof Error ? error.stack ?? error.message : String(error);
      result = { passed: 0, failed: 1, details: [message] };
    }
    this.passed += result.passed;
    this.failed += result.failed;
    if (result.failed > 0) {
      this.#failedSections.push(name);
      for (const detail of result.details) this.#print(detail);
    }
    const verdict = result.failed === 0 ? "ok" : "FAILED";
    this.#print(
      `   ${verdict}, ${name}: ` +
        `${result.passed} passed, ${result.failed} failed (${seconds(started)})`,
    );
  }

  note(text: string): void {
    this.#print(`\n── ${text}`);
  }

  /** The last line is the total, for people and scripts. */
  finish(): void {
    for (const name of this.#failedSections) this.#print(`failed: ${name}`);
    this.#print(`\nTook ${seconds(this.#started)}`);
    this.#print(`${this.passed} passed, ${this.failed} failed`);
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
