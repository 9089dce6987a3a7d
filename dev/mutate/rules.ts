import { assigns, closesRange, closing, distinctKeys, operandEnd } from "./clauses.ts";
import type { Token } from "./lexer.ts";

/** What is written instead of the text from `start` to `end`. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The slips that can be made at one token; `kind` is that of the statement. */
type Rule = (tokens: readonly Token[], place: number, kind: string) => Edit[];

const COMPARISONS: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "=": "<>",
  "<>": "=",
};
const EXTREMES: Readonly<Record<string, string>> = {
  greatest: "least",
  least: "greatest",
  min: "max",
  max: "min",
};
const BEFORE_OPERAND = new Set(
  ("select then else when and or where returning return in by case values set as on if limit")
    .split(" "),
);
const ORDER_ENDS = new Set("limit offset for loop union rows range returning on , ;".split(" "));
const ARM_ENDS = new Set(["returning", ";"]);

export const RULES: Readonly<Record<string, Rule>> = {
  comparison: (tokens, place) => {
    const token = tokens[place];
    const other = token?.kind === "operator" ? COMPARISONS[token.text] : undefined;
    if (other === undefined || (token?.text === "=" && assigns(tokens, place))) return [];
    return replace(token, token, other);
  },
  extreme: (tokens, place) => {
    const other = EXTREMES[tokens[place]?.text ?? ""];
    if (other === undefined || tokens[place + 1]?.text !== "(") return [];
    return replace(tokens[place], tokens[place], other);
  },
  condition: (tokens, place) => {
    const word = tokens[place]?.text ?? "";
    if (word === "and" && !closesRange(tokens, place)) {
      return replace(tokens[place], tokens[operandEnd(tokens, place + 1) - 1], "");
    }
    if (!["where", "on", "having", "if", "when"].includes(word)) return [];
    if (tokens[place + 1]?.text === "conflict") return [];
    const end = operandEnd(tokens, place + 1);
    if (tokens[end]?.text === "and") return replace(tokens[place + 1], tokens[end], "");
    const isWhole = word === "where" && tokens[end]?.text !== "or" &&
      !(tokens[place - 1]?.text === "(" && tokens[place - 2]?.text === "filter");
    return isWhole ? replace(tokens[place], tokens[end - 1], "") : [];
  },
  filter: (tokens, place) => {
    if (tokens[place]?.text !== "filter" || tokens[place + 1]?.text !== "(") return [];
    return replace(tokens[place], tokens[closing(tokens, place + 1)], "");
  },
  lock: (tokens, place, kind) => {
    const [word, next] = [tokens[place]?.text ?? "", tokens[place + 1]?.text ?? ""];
    if (kind === "policy" || kind === "trigger") return [];
    if (word === "skip" && next === "locked") {
      return replace(tokens[place], tokens[place + 1], "");
    }
    if (word === "for" && ["update", "share", "no", "key"].includes(next)) {
      const end = tokens.findIndex((token, at) =>
        at > place && [";", ")", "loop", "limit"].includes(token.text)
      );
      return replace(tokens[place], tokens[(end === -1 ? tokens.length : end) - 1], "");
    }
    const isStatement = ["perform", "select"].includes(word) && /lock/.test(next) &&
      tokens[place + 2]?.text === "(";
    const isTable = word === "lock" && next === "table";
    if (!isStatement && !isTable) return [];
    const end = tokens.findIndex((token, at) => at > place && token.text === ";");
    return end === -1 ? [] : replace(tokens[place], tokens[end], "");
  },
  conflict: (tokens, place) => {
    if (tokens[place]?.text !== "on" || tokens[place + 1]?.text !== "conflict") return [];
    const arm = tokens.findIndex((token, at) => at > place && token.text === "do");
    if (tokens[arm + 1]?.text === "nothing") return replace(tokens[place], tokens[arm + 1], "");
    return replace(tokens[arm], tokens[operandEnd(tokens, arm, ARM_ENDS) - 1], "do nothing");
  },
  order: (tokens, place) => {
    if (tokens[place]?.text !== "order" || tokens[place + 1]?.text !== "by") return [];
    const edits: Edit[] = [];
    for (let from = place + 2;;) {
      const end = operandEnd(tokens, from, ORDER_ENDS);
      const last = tokens[end - 1];
      edits.push(...replace(last, last, last?.text === "desc" ? "asc" : `${last?.text} desc`));
      // Of `distinct on (a, b) … order by a, b, c` only c says which row is taken.
      if (tokens[end]?.text !== ",") return edits.slice(distinctKeys(tokens, place));
      from = end + 1;
    }
  },
  sign: (tokens, place) => {
    const [before, token, next] = [tokens[place - 1], tokens[place], tokens[place + 1]];
    if (token?.kind !== "operator" || !["+", "-"].includes(token.text)) return [];
    if (next?.kind === "string" || before === undefined) return [];
    const isUnary = before.kind === "operator" || ["(", ","].includes(before.text) ||
      BEFORE_OPERAND.has(before.text);
    return replace(token, token, isUnary ? "" : token.text === "+" ? "-" : "+");
  },
  coalesce: (tokens, place) => {
    if (tokens[place]?.text !== "coalesce" || tokens[place + 1]?.text !== "(") return [];
    const close = closing(tokens, place + 1);
    const comma = tokens.findIndex((token, at) =>
      at > place && token.text === "," && token.depth === (tokens[place]?.depth ?? 0) + 1
    );
    const [first, last] = [tokens[comma], tokens[close]];
    if (first === undefined || last === undefined) return [];
    return [{ start: first.start, end: last.start, text: "" }];
  },
  union: (tokens, place) => {
    if (tokens[place]?.text !== "union") return [];
    const all = tokens[place + 1];
    return all?.text === "all"
      ? replace(all, all, "")
      : replace(tokens[place], tokens[place], "union all");
  },
  distinct: (tokens, place) => {
    if (tokens[place]?.text !== "distinct" || tokens[place + 1]?.text === "on") return [];
    if (["is", "not"].includes(tokens[place - 1]?.text ?? "")) return [];
    return replace(tokens[place], tokens[place], "");
  },
  negation: (tokens, place) => {
    const [word, next, third] = [0, 1, 2].map((step) => tokens[place + step]?.text);
    if (word === "is" && next === "null") {
      return replace(tokens[place], tokens[place + 1], "is not null");
    }
    if (word === "is" && next === "not" && third === "null") {
      return replace(tokens[place], tokens[place + 2], "is null");
    }
    return word === "not" && next === "exists" ? replace(tokens[place], tokens[place], "") : [];
  },
};

function replace(first: Token | undefined, last: Token | undefined, text: string): Edit[] {
  if (first === undefined || last === undefined || last.end < first.start) return [];
  return [{ start: first.start, end: last.end, text }];
}
