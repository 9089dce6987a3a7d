import { DatabaseError } from "./database-error.ts";
import { type ErrorCode, ERRORS, type Problem, problem } from "../../../../shared/errors.ts";

/**
 * What an error of the database means to a caller; null for what is nobody's input. Domain errors
 * (SQLSTATE `PT<status>`) carry their stable code as detail; the others are the caller's where a
 * value, a key or a constraint is named. Only domain messages are passed on: they are written for
 * callers, the server's own may name tables.
 */
export function databaseProblem(error: unknown): Problem | null {
  const told = DatabaseError.safeParse(error).data;
  if (told === undefined) return null;
  if (told.code.startsWith("PT")) {
    const code = told.detail ?? "";
    return isErrorCode(code) ? problem(code, withHint(told)) : null;
  }
  const known = BY_STATE[told.code];
  if (known !== undefined) return problem(...known);
  // 22: a value that its type cannot hold, whatever it is.
  if (told.code.startsWith("22")) return problem("bad_request", "a value is out of range");
  return null;
}

/**
 * What to answer when work has thrown that no input explains: to come again where the database is
 * away, which passes by itself, else that something broke.
 */
export function internalError(error: unknown): Problem {
  return problem(isLostConnection(error) ? "database_unavailable" : "internal");
}

/** A connection that failed or was lost, as the driver, the server and the Data API tell it. */
const LOST =
  /^(CONNECTION_\w+|CONNECT_TIMEOUT|ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN|08...|57P0[1-5]|PGRST00[0-3])$/;

function isLostConnection(error: unknown): boolean {
  return error instanceof Error && "code" in error && LOST.test(String(error.code));
}

const BY_STATE: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  "23505": ["already_exists", "another row has this name, id or number"],
  "23P01": ["already_exists", "it overlaps with one that holds for the same time"],
  "23503": ["unknown_reference", "something that it names does not exist"],
  "23514": ["bad_request", "a value is outside this field's range"],
  "23502": ["bad_request", "a value is missing"],
  "40001": ["busy", "another request changed the same rows; try again"],
  "40P01": ["busy", "another request changed the same rows; try again"],
  "55P03": ["busy", "another request holds the same rows; try again"],
  "53300": ["overloaded", "the database has no connection left"],
  "54001": ["bad_request", "it is nested too deeply"],
  "57014": ["busy", "it took too long; ask for less, or later"],
};

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

function withHint({ message, hint }: { message: string; hint?: string }): string {
  // Some hints tell people at a SQL prompt what to type: nothing for callers over HTTP.
  const isSql = hint !== undefined && /\bselect\b/i.test(hint);
  return hint === undefined || hint === "" || isSql ? message : `${message} (${hint})`;
}
