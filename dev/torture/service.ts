/** On which days clients that leave and come back are served, kept outside of the database. */
import type { World } from "../../shared/rater/world.ts";
import { FIRST_DAY } from "./calendar.ts";

/** Half-open days. */
export interface Interval {
  readonly starts_on: string;
  readonly ends_on: string;
}

const NEVER = "infinity";

export class ServiceBook {
  readonly #intervals = new Map<string, Interval[]>();

  constructor(clients: readonly string[]) {
    for (const id of clients) this.#intervals.set(id, [{ starts_on: FIRST_DAY, ends_on: NEVER }]);
  }

  isServed(id: string): boolean {
    return this.#last(id).ends_on === NEVER;
  }

  /** `day` is the first that is not served. */
  leave(id: string, day: string): void {
    const { starts_on } = this.#last(id);
    this.#intervals.get(id)?.splice(-1, 1, { starts_on, ends_on: day });
  }

  comeBack(id: string, day: string): void {
    this.#intervals.get(id)?.push({ starts_on: day, ends_on: NEVER });
  }

  /** Which intervals each of the clients must have. */
  expected(): ReadonlyMap<string, readonly Interval[]> {
    return this.#intervals;
  }

  #last(id: string): Interval {
    const last = this.#intervals.get(id)?.at(-1);
    if (last === undefined) throw new Error(`${id} is not a client that leaves`);
    return last;
  }
}

/** The same world, in which these clients are served as they should be. */
export function servedAsExpected(world: World, book: ServiceBook): World {
  const expected = book.expected();
  const clients = world.clients.map((client) => {
    const service = expected.get(client.id);
    return service === undefined ? client : { ...client, service: [...service] };
  });
  return { ...world, clients };
}
