import { lex, type Token } from "./lexer.ts";

/** One SQL statement of a source file. */
export interface Statement {
  readonly file: string;
  /** Where it begins in the file. */
  readonly offset: number;
  readonly line: number;
  readonly sql: string;
  /** `function`, `view`, `table`, `trigger`, `policy`, `grant`, `revoke` …, and its object. */
  readonly kind: string;
  readonly object: string;
  /** The tokens that may be mutated, with positions in `sql`. */
  readonly tokens: readonly Token[];
}

/** The statements of a file, without those that hold no logic (comments, data, settings). */
export function statementsOf(file: string, text: string): Statement[] {
  return split(lex(text)).flatMap((tokens) => {
    const [first, last] = [tokens[0], tokens.at(-1)];
    if (first === undefined || last === undefined) return [];
    const sql = text.slice(first.start, last.end);
    const own = lex(sql);
    const found = classify(own);
    if (found === undefined) return [];
    const line = text.slice(0, first.start).split("\n").length;
    return [{ file, offset: first.start, line, sql, ...found }];
  });
}

/** The texts of all statements of a file, in order. */
export function statementTexts(text: string): string[] {
  return split(lex(text)).map((tokens) => text.slice(tokens[0]?.start, tokens.at(-1)?.end));
}

/** Cuts at semicolons that are neither inside a quoted body nor between `begin atomic` and `end`. */
function split(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [];
  let [current, quote, blocks]: [Token[], string, number] = [[], "", 0];
  for (const [place, token] of tokens.entries()) {
    current.push(token);
    if (token.kind === "quote") {
      if (quote === "") quote = token.text;
      else if (quote === token.text) quote = "";
    }
    if (token.text === "begin" && tokens[place + 1]?.text === "atomic") blocks = 1;
    else if (blocks > 0 && token.text === "case") blocks++;
    else if (blocks > 0 && token.text === "end") blocks--;
    if (token.text !== ";" || quote !== "" || blocks > 0) continue;
    statements.push(current);
    current = [];
  }
  return statements;
}

type Classified = Pick<Statement, "kind" | "object" | "tokens">;

function classify(tokens: readonly Token[]): Classified | undefined {
  const words = tokens.map((token) => token.text);
  const verb = words[0];
  if (verb === "grant" || verb === "revoke") {
    return { kind: verb, object: grantedObject(words), tokens };
  }
  if (verb !== "create") return undefined;
  const place = words.findIndex((word) =>
    ["function", "procedure", "view", "table", "trigger", "policy", "index"].includes(word)
  );
  const kind = words[place] ?? "";
  const object = words[place + 1] ?? "";
  const after = (word: string) => words.indexOf(word) + 1;
  switch (kind) {
    case "function":
    case "procedure":
      return { kind: "function", object, tokens: body(tokens) };
    case "view":
      return {
        kind: words[1] === "materialized" ? "materialized view" : kind,
        object,
        tokens: tokens.slice(after("as")),
      };
    case "table":
      return { kind, object, tokens: tokens.slice(place + 2) };
    case "index":
      // Others only make things faster.
      if (words[1] !== "unique") return undefined;
      return { kind, object: words[after("on")] ?? "", tokens: tokens.slice(place + 2) };
    case "trigger":
    case "policy":
      return { kind, object: words[after("on")] ?? "", tokens: tokens.slice(place + 2) };
    default:
      return undefined;
  }
}

function grantedObject(words: readonly string[]): string {
  const on = words.indexOf("on");
  const next = words[on + 1] ?? "";
  return ["function", "table", "schema", "sequence", "all"].includes(next)
    ? words[on + 2] ?? ""
    : next;
}

/** What a function does; settings and other words of its head are left out. */
function body(tokens: readonly Token[]): readonly Token[] {
  const quote = tokens.findIndex((token) => token.kind === "quote");
  if (quote !== -1) return tokens.slice(quote + 1, -2);
  const start = tokens.findIndex(({ text, depth }, place) =>
    depth === 0 && (text === "return" || (text === "begin" && tokens[place + 1]?.text === "atomic"))
  );
  return start === -1 ? [] : tokens.slice(start, -1);
}
