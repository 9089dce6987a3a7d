import { z } from "zod";

/** Fields that many operations share. Text is free of NUL and lone surrogates: no store takes them. */

const UNSTORABLE = "holds NUL or half a surrogate pair";

/** Whether Postgres can store a text: it holds neither NUL nor half a surrogate pair. */
export function isStorable(text: string): boolean {
  return !text.includes("\0") && !/\p{Surrogate}/u.test(text);
}

/** Text of at most `length` characters that a database can store. */
export function text(length: number) {
  return z.string().max(length).refine(isStorable, UNSTORABLE);
}

/** Text that says something. */
export function words(length: number) {
  return text(length).min(1).refine((value) => value.trim() !== "", "is blank");
}

/** Neither control characters nor those that set the direction of text. */
const PLAIN = /^[^\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]*$/u;

export const NOT_PLAIN = "holds a control or direction character";

/** Whether a text is of one line, and nothing in it sets the direction of text. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** The same of several lines: line breaks and tabs are the only control characters. */
const PLAIN_LINES = /^(?:[\t\n\r]|[^\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])*$/u;

/** Text that is read by people, of several lines: a note. */
export function note(length: number) {
  return text(length).regex(PLAIN_LINES, NOT_PLAIN);
}

/** The same, and it says something: a reason. */
export function reason(length: number) {
  return words(length).regex(PLAIN_LINES, NOT_PLAIN);
}

/** One line of text, free of characters that move a cursor or turn around what follows them. */
export function line(length: number) {
  return text(length).regex(PLAIN, NOT_PLAIN);
}

/**
 * A name that is given here. A reference to a name of the logs (an agent, a model, a metric)
 * takes it as it was logged.
 */
export function name(length: number) {
  return words(length).regex(PLAIN, NOT_PLAIN);
}

export const Id = z.uuid();

/** A client, by its id or its external id. */
export const ClientName = words(200).meta({ description: "id or external id of a client" });

/** An invoice, by its id or its number. */
export const InvoiceName = words(60).meta({ description: "id or number of an invoice" });

/** A client-local day, `2026-06-30`, within the years that usage may lie in. */
export const Day = z.iso.date().refine(
  (day) => day >= "1970-01-01" && day < "2200-01-01",
  "lies outside 1970 to 2199",
).meta({ formatMinimum: "1970-01-01", formatMaximum: "2199-12-31" });

/** The month that a period begins in, `2026-06`. */
export const Month = z.string().regex(
  /^(19[7-9]\d|20\d\d|21\d\d)-(0[1-9]|1[0-2])$/,
  "like 2026-06",
);

/** An instant with its zone, `2026-07-01T00:00:00Z`. */
export const Instant = z.iso.datetime({ offset: true }).refine(
  (at) => Date.parse(at) >= 0 && Date.parse(at) < Date.UTC(2200, 0),
  "lies outside 1970 to 2199",
).meta({ formatMinimum: "1970-01-01T00:00:00Z", formatExclusiveMaximum: "2200-01-01T00:00:00Z" });

/** An instant as the database has it. */
export const ShownInstant = z.iso.datetime({ offset: true });

/** An exact decimal as text: quantities and unit prices are never floats. */
export const Decimal = z.string().regex(/^-?\d{1,20}(\.\d{1,12})?$/, "a decimal like 3.50");

/** A decimal as the database prints it, of any size. */
export const ExactDecimal = z.string().regex(/^-?\d+(\.\d+)?$/);

/** Not below zero. */
export const PositiveDecimal = z.string().regex(/^\d{1,20}(\.\d{1,12})?$/, "a decimal like 3.50");

/** Whole minor units (cents) of the currency beside it. */
export const Minor = z.int();

/** ISO 4217, `USD`. */
export const Currency = z.string().regex(/^[A-Z]{3}$/, "three capital letters");

/** Levels of a JSON value at most: what reads it later may recurse. */
const DEEPEST = 64;

/**
 * Free JSON object, passed on as it is: rebuilding it key by key, as a schema of records does, loses
 * a key called `__proto__`.
 */
export const JsonObject = z.custom<Readonly<Record<string, z.core.util.JSONType>>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  "is no object",
).superRefine((value, context) => {
  const problem = jsonProblem(value);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
}).meta({ type: "object" });

/** Why a value cannot be stored as JSON, or null. Walks level by level: depth costs no stack. */
function jsonProblem(value: unknown): string | null {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return `is nested more than ${DEEPEST} levels deep`;
    const next: unknown[] = [];
    for (const entry of level) {
      if (typeof entry === "string" && !isStorable(entry)) return UNSTORABLE;
      if (typeof entry === "number" && !Number.isFinite(entry)) return "holds a number beyond JSON";
      if (["undefined", "function", "bigint", "symbol"].includes(typeof entry)) {
        return `holds a value that is not JSON: ${typeof entry}`;
      }
      if (typeof entry !== "object" || entry === null) continue;
      if (!Object.keys(entry).every(isStorable)) return UNSTORABLE;
      next.push(...Object.values(entry));
    }
    level = next;
  }
  return null;
}

/** No parameters, no query, or no body. */
export const nothing = z.strictObject({});

/** Path of one client. */
export const ClientPath = z.strictObject({ client_id: ClientName });

/** Asks for a page: pass `next_cursor` of the page before. */
export const paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  /** Long enough for the names of an agent, a model and a metric. */
  cursor: z.string().max(6000).optional(),
};

/** A page; `next_cursor` is null on the last. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ data: z.array(item), next_cursor: z.string().nullable() });
}

/** A list that is short by nature, whole. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ data: z.array(item) });
}
