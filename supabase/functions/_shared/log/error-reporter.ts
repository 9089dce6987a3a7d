import { env } from "node:process";
import { z } from "zod";
import { redactor } from "./redact.ts";
import { currentRequest } from "./request-context.ts";

/** Writes one line. Told apart by `level` on the hosted service. */
export type WriteLine = (level: "info" | "warn" | "error", line: string) => void;

/** One JSON object a line, as log tools take it. */
export const writeLine: WriteLine = (level, line) => console[level](line);

/** Of the database's errors; not every function has the class at hand. */
const DatabaseError = z.object({
  name: z.literal("PostgresError"),
  code: z.string(),
  schema_name: z.string().optional(),
  table_name: z.string().optional(),
  constraint_name: z.string().optional(),
  routine: z.string().optional(),
});

/** Frames of a stack that are told. */
const FRAMES = 8;

/**
 * Tells of a surprise in one line: what it was and where, under the id of its request. Never what
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
  const ofDatabase = DatabaseError.safeParse(error);
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
