/** What a random world knows of itself while it is lived: written down beside the database. */
import type { Sql } from "postgres";
import { z } from "zod";
import type { Clients } from "../cases/play.ts";
import type { Row } from "../cases/world.ts";
import type { WorldStep } from "./steps.ts";

/** Days `[from, until)` on which a client is certainly not served, or on which nothing is said. */
export interface Span {
  readonly from: string;
  readonly until: string;
}

/** A call that was logged. A silent one has no client_id of its own. */
export interface Call {
  readonly row: Row;
  readonly isSilent: boolean;
}

/** A step that was accepted, and whose it is; null: everybody's. */
export interface Lived {
  readonly owner: string | null;
  /** The step when the invoice of the owner with this place is known by its number. */
  readonly step: (numberOf: (place: number) => number) => WorldStep;
}

/** A client as the moves have made it. */
export interface Known {
  readonly key: string;
  readonly currency: string;
  /** Calls that count, by the id of their log. */
  readonly logs: Map<string, Call>;
  /** Logs that were stated anew. */
  readonly restated: Set<string>;
  startedOn: string;
  endedOn: string | null;
  /** When it came back last. */
  backOn: string | null;
  anchor: number;
  /** Since when it is paused, or without the subscription that was cancelled. */
  away: { readonly why: "paused" | "cancelled"; readonly day: string } | null;
  subscription: string | null;
  externalId: string | null;
  readonly agents: Set<string>;
  /** Never served on these days. */
  readonly gaps: Span[];
  /** Days of which this book does not say whether they are served. */
  readonly unclear: Span[];
}

export interface State {
  readonly sql: Sql;
  readonly clients: Clients;
  readonly known: Known[];
  /** Clients of the world, those left out as well. */
  readonly size: number;
  readonly lived: Lived[];
  /** What was played, ready to be pasted into a worked case. */
  readonly steps: WorldStep[];
  /** Anchor day at the time a period was opened, by client id and first day. */
  readonly anchors: Map<string, number>;
  day: string;
  /** How many things have been named. */
  names: number;
  runs: number;
}

export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

export function daysBetween(from: string, until: string): number {
  return (Date.parse(until) - Date.parse(from)) / 86_400_000;
}

/**
 * Now: each step of a day comes a second after the one before it. The client of the database cuts
 * instants to milliseconds.
 */
export function nowOf({ day, steps }: State): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + steps.length * 1000).toISOString();
}

/** The n-th id that a world gives. */
export function idOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

/** An issued or voided invoice of a client, in the order of its numbers. */
export interface Issued {
  readonly number: number;
  readonly kind: string;
  readonly status: string;
  readonly total: number;
}

const issued = z.array(z.object({
  number: z.int(),
  kind: z.string(),
  status: z.string(),
  total: z.coerce.number(),
}));

export async function invoicesOf(state: State, key: string): Promise<Issued[]> {
  return issued.parse(
    await state.sql`
      select right(i.number, 6)::integer as number, i.kind, i.status, i.total_minor::text as total
      from public.invoices i
      where i.client_id = ${state.clients.get(key) ?? null} and i.number is not null
      order by right(i.number, 6)::integer`,
  );
}
