/** What became of an operation: `undone` was rolled back, `unknown` got no answer. */
export type Outcome = "done" | "refused" | "undone" | "unknown" | "wrong";

/** One thing that was done, or tried, to the system. Times in milliseconds since the start. */
export interface Entry {
  readonly began: number;
  readonly ended: number;
  readonly actor: string;
  readonly what: string;
  /** What it touched: `client Ada`, `agent ALPHA`, `batch 12`, … */
  readonly touches: readonly string[];
  readonly outcome: Outcome;
  readonly note: string;
}

/** Something that should never be. */
export interface Violation {
  readonly check: string;
  /** What it concerns, in the words of `Entry.touches`. */
  readonly about: readonly string[];
  readonly detail: string;
}

/** Actors by this name end processes: what they do concerns whatever was under way. */
export const KILLER = "killer";

/** All that happened, in the order in which it ended. */
export class History {
  readonly entries: Entry[] = [];
  /** Found while it happened, before the books were checked. */
  readonly violations: Violation[] = [];
  readonly #start = performance.now();
  readonly #startedAt = Date.now();

  now(): number {
    return performance.now() - this.#start;
  }

  /** An instant of the server's clock as milliseconds since the start. */
  at(instant: Date): number {
    return instant.getTime() - this.#startedAt;
  }

  add(entry: Entry): void {
    this.entries.push(entry);
  }

  count(matches: (entry: Entry) => boolean): number {
    return this.entries.filter(matches).length;
  }
}

/**
 * The smallest history that a violation can be told by: what may have changed something of what it
 * concerns, and the kills that hit while that was under way. Nothing is replayed, so it may hold
 * more than what is to blame.
 */
export function historyOf(entries: readonly Entry[], about: readonly string[]): Entry[] {
  const own = entries.filter(({ actor, outcome, touches }) =>
    actor !== KILLER && outcome !== "refused" && outcome !== "undone" &&
    touches.some((subject) => about.includes(subject))
  );
  const hits = entries.filter(({ actor, began, ended }) =>
    actor === KILLER && own.some((entry) => entry.began <= ended && began <= entry.ended)
  );
  return [...own, ...hits].sort((a, b) => a.began - b.began);
}

/** A line for a person: `  12.345 s  writer  insert 20 rows … unknown: CONNECTION_CLOSED`. */
export function lineOf({ began, ended, actor, what, outcome, note }: Entry): string {
  const took = Math.round(ended - began);
  const end = note === "" ? outcome : `${outcome}: ${note}`;
  return `${(began / 1000).toFixed(3).padStart(9)} s  ${actor}: ${what} (${took} ms) ${end}`;
}
