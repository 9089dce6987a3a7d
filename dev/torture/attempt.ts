import postgres from "postgres";
import type { History, Outcome } from "./history.ts";

/** Who does what to whom. */
export interface Operation {
  readonly actor: string;
  readonly what: string;
  readonly touches: readonly string[];
  /** SQLSTATEs that this operation may be refused with, besides those of domain errors. */
  readonly mayFailBy?: readonly string[];
}

export type Attempt<T> =
  | { readonly outcome: "done"; readonly value: T }
  | { readonly outcome: Exclude<Outcome, "done"> };

/** No answer, or one that does not say whether it was done. */
export class NoAnswer extends Error {}

/** The system said no, and why; nothing was done. */
export class Refused extends Error {}

/** Milliseconds after which an answer is no longer waited for. */
const PATIENCE = 40_000;

/**
 * Runs an operation once and writes down how it ended. Never rejects: an error that none of the
 * kills explains is a violation.
 */
export async function attempt<T>(
  history: History,
  { actor, what, touches, mayFailBy = [] }: Operation,
  work: () => Promise<T>,
): Promise<Attempt<T>> {
  const began = history.now();
  const write = (outcome: Outcome, note: string) =>
    history.add({ began, ended: history.now(), actor, what, touches, outcome, note });
  try {
    const value = await withPatience(work());
    write("done", typeof value === "string" || typeof value === "number" ? `${value}` : "");
    return { outcome: "done", value };
  } catch (error) {
    const outcome = outcomeOf(error, mayFailBy);
    const note = describe(error);
    write(outcome, note);
    if (outcome === "wrong") {
      history.violations.push({ check: "unexpected error", about: touches, detail: note });
    }
    return { outcome };
  }
}

/** A look that may be taken in vain: no rows where there is no answer. */
export async function glance<T>(query: Promise<readonly T[]>): Promise<readonly T[]> {
  return await withPatience(query, PATIENCE / 4).catch(() => []);
}

async function withPatience<T>(work: Promise<T>, patience = PATIENCE): Promise<T> {
  const impatience = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => impatience.reject(new NoAnswer(`none within ${patience} ms`)),
    patience,
  );
  try {
    return await Promise.race([work, impatience.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Codes of errors after which the transaction may have been committed or not. */
const UNKNOWN = /^(08...|57P0[1-5]|CONNECTION_\w+|CONNECT_TIMEOUT|ECONN\w+|EPIPE|ETIMEDOUT)$/;
/** Deadlocks, serialization, timeouts of locks and statements: certainly rolled back. */
const UNDONE = /^(40001|40P01|55P03|57014)$/;

export function outcomeOf(error: unknown, mayFailBy: readonly string[]): Exclude<Outcome, "done"> {
  if (error instanceof NoAnswer) return "unknown";
  if (error instanceof Refused) return "refused";
  const code = codeOf(error);
  if (UNKNOWN.test(code)) return "unknown";
  if (UNDONE.test(code)) return "undone";
  return code.startsWith("PT") || mayFailBy.includes(code) ? "refused" : "wrong";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function describe(error: unknown): string {
  if (error instanceof postgres.PostgresError) {
    return `${error.code} ${error.message}${error.where ? ` (${error.where.slice(0, 300)})` : ""}`;
  }
  return `${codeOf(error)} ${error instanceof Error ? error.message : String(error)}`.trim();
}
