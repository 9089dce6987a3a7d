/** What was said of an offered row: `accepted` is a promise, `refused` too; `unknown` is neither. */
export type Answer = "accepted" | "refused" | "unknown";

/** A row that a writer wants to be stored. */
export interface Offer {
  readonly id: string;
  /** Its content as one line of text, as the check shows a stored row. */
  readonly print: string;
  /** Counts that are none: some take it and some refuse it, whatever becomes of its neighbours. */
  readonly odd?: boolean;
}

interface Told extends Offer {
  readonly batch: number;
  answer: Answer;
}

/** Something else that was acknowledged, found again by a key. */
export interface Fact {
  readonly kind: "payment" | "credit_note" | "invoice" | "correction" | "item" | "run";
  readonly key: string;
  readonly touches: readonly string[];
}

/** A row that is not as it was promised. */
export interface Complaint {
  readonly batch: number;
  readonly detail: string;
}

/**
 * What the system has accepted, kept outside of it. An outcome that nobody knows is resolved by
 * reading, when all is over: a transaction's rows are all there or none of them.
 */
export class Ledger {
  readonly facts: Fact[] = [];
  readonly #rows = new Map<string, Told[]>();
  readonly #batches: Told[][] = [];

  get size(): number {
    return this.#rows.size;
  }

  /** Notes what is going to be offered in one transaction. Returns the number of the batch. */
  offer(rows: readonly Offer[]): number {
    const batch = this.#batches.length;
    const told = rows.map((row): Told => ({ ...row, batch, answer: "unknown" }));
    this.#batches.push(told);
    for (const row of told) {
      const known = this.#rows.get(row.id);
      if (known === undefined) this.#rows.set(row.id, [row]);
      else known.push(row);
    }
    return batch;
  }

  /** Notes the answer to a whole batch, or to each of its rows in their order. */
  settle(batch: number, answers: Answer | readonly Answer[]): void {
    for (const [index, row] of (this.#batches[batch] ?? []).entries()) {
      row.answer = typeof answers === "string" ? answers : answers[index] ?? "unknown";
    }
  }

  accept(fact: Fact): void {
    this.facts.push(fact);
  }

  /** Compares with what is stored: print by id. */
  complaints(stored: ReadonlyMap<string, string>): Complaint[] {
    return [...this.#rows].flatMap(([id, told]) => complaintOf(id, told, stored.get(id)))
      .concat(this.#batches.flatMap((rows) => this.#torn(rows, stored)));
  }

  /** The batch by which a row was last offered. */
  batchOf(id: string): number | undefined {
    return this.#rows.get(id)?.at(-1)?.batch;
  }

  knows(id: string): boolean {
    return this.#rows.has(id);
  }

  /** Good rows that nobody else has offered are stored together or not at all. */
  #torn(rows: readonly Told[], stored: ReadonlyMap<string, string>): Complaint[] {
    const own = rows.filter(({ id, answer, odd }) =>
      answer === "unknown" && odd !== true && this.#rows.get(id)?.length === 1
    );
    const there = own.filter(({ id }) => stored.has(id)).length;
    return there === 0 || there === own.length ? [] : [{
      batch: own[0]?.batch ?? 0,
      detail: `${there} of the ${own.length} rows of one transaction are stored`,
    }];
  }
}

function complaintOf(id: string, told: readonly Told[], stored: string | undefined): Complaint[] {
  const complain = (detail: string) => [{ batch: told.at(-1)?.batch ?? 0, detail }];
  const accepted = told.filter(({ answer }) => answer === "accepted");
  const possible = told.filter(({ answer }) => answer !== "refused");
  if (stored === undefined) {
    return accepted.length === 0 ? [] : complain(`row ${id} was accepted and is not there`);
  }
  if (accepted.some(({ print }) => print !== stored)) {
    return complain(`row ${id} is stored as ${stored}, accepted was ${accepted[0]?.print}`);
  }
  if (!possible.some(({ print }) => print === stored)) {
    return complain(`row ${id} is stored as ${stored}, and that was refused or never offered`);
  }
  return [];
}
