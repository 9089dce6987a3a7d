/** JSON whose numbers stay the text that the source wrote. */
export type ExactJson =
  | null
  | boolean
  | string
  | JsonNumber
  | readonly ExactJson[]
  | { readonly [name: string]: ExactJson };

export class JsonNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Reads JSON; throws a `SyntaxError` on text that is none, for example because it is cut off. */
export function parseExactJson(source: string): ExactJson {
  const value: ExactJson = JSON.parse(
    source,
    (_name, value: unknown, context?: { source?: string }) =>
      typeof value === "number" ? new JsonNumber(context?.source ?? String(value)) : value,
  );
  return value;
}

export function isObject(value: ExactJson | undefined): value is { [name: string]: ExactJson } {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof JsonNumber);
}

export function textOf(value: ExactJson | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function numberOf(value: ExactJson | undefined): string | undefined {
  return value instanceof JsonNumber ? value.text : undefined;
}
