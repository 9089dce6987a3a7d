/** A piece of SQL. `depth` counts the parentheses around it; a parenthesis stands outside itself. */
export interface Token {
  readonly kind: "word" | "number" | "string" | "operator" | "mark" | "quote";
  /** Words in lower case, all else as it is written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
}

const NAME = `(?:"[^"]*"|[a-zA-Z_]\\w*)`;
const LEXEMES: readonly [Token["kind"] | "space", string][] = [
  ["space", `\\s+|--[^\\n]*|/\\*[\\s\\S]*?\\*/`],
  // The text between two of these is SQL as well: the body of a function.
  ["quote", `\\$\\w*\\$`],
  ["string", `[eE]'(?:[^'\\\\]|''|\\\\[\\s\\S])*'|'(?:[^']|'')*'`],
  ["word", `${NAME}(?:\\.${NAME})*`],
  ["number", `\\d+(?:\\.\\d+)?`],
  ["operator", `::|:=|[-+*/<>=~!@#%^&|?]+`],
  ["mark", `[\\s\\S]`],
];
const PATTERN = LEXEMES.map(([, pattern]) => `(${pattern})`).join("|");

/** Splits SQL into tokens; comments and spaces are left out. */
export function lex(sql: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  for (const match of sql.matchAll(new RegExp(PATTERN, "g"))) {
    const place = match.slice(1).findIndex((group) => group !== undefined);
    const kind = LEXEMES[place]?.[0] ?? "space";
    if (kind === "space") continue;
    const written = match[0];
    if (written === ")") depth--;
    tokens.push({
      kind,
      text: kind === "word" ? written.toLowerCase() : written,
      start: match.index,
      end: match.index + written.length,
      depth,
    });
    if (written === "(") depth++;
  }
  return tokens;
}
