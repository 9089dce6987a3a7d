import { env } from "node:process";
import { z } from "zod";
import { DatabaseError } from "../postgres/database-error.ts";
import { redactor } from "./redact.ts";
import { currentRequest } from "./request-context.ts";

/** Writes one line. Told apart by `level` on the hosted service. */
export type WriteLine = (level: "info" | "warn" | "error", line: string) => void;

/** One JSON object a line, as log tools take it. */
export const writeLine: WriteLine = (level, line) => console[level](line);

/** Fields of a database error that hold no value of a row. */
const LoggedFields = DatabaseError.pick({
  name: true,
  code: true,
  schema_name: true,
  table_name: true,
  constraint_name: true,
  routine: true,
});

/** Frames of a stack that are told. */
const FRAMES = 8;

/**
 * Reports an internal error in one line: what it was and where, under the id of its request. Never what
 * the request or the rows held: of the database's errors only codes and names.
 */
export function errorReporter(
  name: string,
  write: WriteLine = writeLine,
  variables: () => Record<string, string | undefined> = () => env,
): (error: unknown) => void {
  return (error) => {
    const redact = redactor(definedOnly(variables()));
    const line = {
      level: "error",
      function: name,
      request_id: currentRequest()?.id ?? null,
      error: describe(error),
    };
    write("error", redact(JSON.stringify(line)));
  };
}

function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: "something was thrown that is no error" };
  const at = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line))
    .slice(0, FRAMES).map((line) => line.trim());
  const ofDatabase = LoggedFields.safeParse(error);
  if (ofDatabase.success) return { ...ofDatabase.data, at };
  if (error instanceof z.ZodError) {
    const issues = error.issues.map(({ code, path }) => `${path.map(String).join(".")}: ${code}`);
    return { name: "ZodError", issues, at };
  }
  return { name: error.name, message: error.message.slice(0, 500), at };
}

function definedOnly(variables: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]]
    ),
  );
}
