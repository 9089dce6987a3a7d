/** Tells somebody who waits what is being done, and how long each step took. */
export interface Progress {
  /**
   * Runs a step. `tell` shows how far it is. The step returns what to say when it is done, and
   * what the caller gets. A step that throws is shown as failed, and its error goes on.
   */
  step<T = void>(title: string, work: Work<T>): Promise<T>;
}

type Work<T> = (tell: (state: string) => void) => Promise<[outcome: string, value: T]>;

export interface ProgressOutput {
  write(text: string): void;
  /** A terminal gets one line that changes; anything else a line for each finished step. */
  readonly isTerminal: boolean;
  /** Milliseconds, only for differences. */
  now(): number;
}

const TITLE_WIDTH = 34;

/** Progress that is written to `output`. */
export function progressTo(output: ProgressOutput): Progress {
  const { write, isTerminal, now } = output;
  return {
    step: async (title, work) => {
      const label = title.padEnd(TITLE_WIDTH);
      const show = (mark: string, text: string) =>
        write(`${isTerminal ? "\r\x1b[2K" : ""}${mark} ${label} ${text}`);
      const started = now();
      if (isTerminal) show("…", "");
      try {
        const [outcome, value] = await work((state) => isTerminal && show("…", state));
        show("✓", `${outcome}  (${((now() - started) / 1000).toFixed(1)} s)\n`);
        return value;
      } catch (error) {
        show("✗", "failed\n");
        throw error;
      }
    },
  };
}

/** 109705 → `109,705`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
