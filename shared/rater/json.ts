import { type Fraction, parseDecimal } from "./fraction.ts";

/** A number as it is written: it may be exact beyond what a float holds, or absurdly long. */
export interface JsonNumber {
  readonly decimal: string;
}

/** JSON whose numbers are exact. */
export type ExactJson =
  | null
  | boolean
  | string
  | JsonNumber
  | readonly ExactJson[]
  | ReadonlyMap<string, ExactJson>;

const TOKEN = /\s*([[\]{},:]|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

/** Reads JSON text, numbers as they are written, objects as maps. Throws on what is not JSON. */
export function parseExactJson(text: string): ExactJson {
  let at = 0;
  const next = (): string => {
    TOKEN.lastIndex = at;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) throw new SyntaxError(`not JSON at ${at}: ${text}`);
    at = TOKEN.lastIndex;
    return token;
  };
  const list = (end: string, item: () => void) => {
    const start = at;
    if (next() === end) return;
    at = start;
    for (;;) {
      item();
      if (next() === end) return;
    }
  };
  const value = (): ExactJson => {
    const token = next();
    if (token === "{") {
      const entries = new Map<string, ExactJson>();
      list("}", () => {
        const key: unknown = JSON.parse(next());
        next();
        entries.set(String(key), value());
      });
      return entries;
    }
    if (token === "[") {
      const items: ExactJson[] = [];
      list("]", () => items.push(value()));
      return items;
    }
    if (token.startsWith('"')) return String(JSON.parse(token));
    if (token === "null") return null;
    if (token === "true" || token === "false") return token === "true";
    return { decimal: token };
  };
  return value();
}

export function isNumber(value: ExactJson | undefined): value is JsonNumber {
  return typeof value === "object" && value !== null && "decimal" in value;
}

export function isObject(
  value: ExactJson | undefined,
): value is ReadonlyMap<string, ExactJson> {
  return value instanceof Map;
}

/** A member of an object; undefined when there is none or the value is no object. */
export function member(value: ExactJson | undefined, key: string): ExactJson | undefined {
  return isObject(value) ? value.get(key) : undefined;
}

/** An array; anything else, null included, is empty. */
export function items(value: ExactJson | undefined): readonly ExactJson[] {
  return Array.isArray(value) ? value : [];
}

/** A number, or a string that holds one, as a price list may write `"0.30"`. */
export function decimalOf(value: ExactJson | undefined): Fraction | undefined {
  if (isNumber(value)) return parseDecimal(value.decimal);
  return typeof value === "string" ? parseDecimal(value) : undefined;
}

/** What PostgreSQL's `->>` gives of a scalar. */
export function textOf(value: ExactJson | undefined): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return String(value);
  return isNumber(value) ? value.decimal : undefined;
}
