import type { Token } from "./lexer.ts";

const ENDS = new Set(
  ("and or group order having limit offset window then else when end returning union except " +
    "intersect where on left right full inner cross join for loop do using with from " +
    "set as into exception begin return select insert update delete ; ,").split(" "),
);

/**
 * Where the operand, condition or list item that begins at `from` ends: the first place that no
 * longer belongs to it. Conditions of a `case` and of `between` are its own.
 */
export function operandEnd(tokens: readonly Token[], from: number, ends = ENDS): number {
  const depth = tokens[from]?.depth ?? 0;
  let [cases, ranges] = [0, 0];
  for (let place = from; place < tokens.length; place++) {
    const token = tokens[place];
    if (token === undefined || token.depth < depth || token.kind === "quote") return place;
    if (token.depth > depth) continue;
    if (token.text === "case") cases++;
    else if (token.text === "end" && cases > 0) cases--;
    else if (cases > 0) continue;
    else if (token.text === "between") ranges++;
    else if (token.text === "and" && ranges > 0) ranges--;
    else if (token.text === "from" && tokens[place - 1]?.text === "distinct") continue;
    else if (ends.has(token.text)) return place;
  }
  return tokens.length;
}

/** Whether the `and` at `place` belongs to a `between`. */
export function closesRange(tokens: readonly Token[], place: number): boolean {
  const depth = tokens[place]?.depth ?? 0;
  for (let back = place - 1; back >= 0; back--) {
    const token = tokens[back];
    if (token === undefined || token.depth < depth) return false;
    if (token.depth > depth) continue;
    if (token.text === "between") return true;
    if (["and", "or", "where", "on", "when", "then", "if", "having", ";"].includes(token.text)) {
      return false;
    }
  }
  return false;
}

/** Where the parenthesis opened at `open` is closed. */
export function closing(tokens: readonly Token[], open: number): number {
  const depth = tokens[open]?.depth ?? 0;
  return tokens.findIndex((token, place) =>
    place > open && token.text === ")" && token.depth === depth
  );
}

/** How many expressions the `distinct on` has of the select whose `order by` is at `place`. */
export function distinctKeys(tokens: readonly Token[], place: number): number {
  const depth = tokens[place]?.depth ?? 0;
  for (let back = place - 1; back >= 0; back--) {
    const token = tokens[back];
    if (token === undefined || token.depth < depth) return 0;
    if (token.depth > depth || token.text !== "select") continue;
    if (tokens[back + 1]?.text !== "distinct" || tokens[back + 2]?.text !== "on") return 0;
    const list = tokens.slice(back + 3, closing(tokens, back + 3));
    return list.filter(({ text, depth: at }) => text === "," && at === depth + 1).length + 1;
  }
  return 0;
}

/** Whether the `=` at `place` assigns, as in `update … set a = b` or `a := b`, `a = b;`. */
export function assigns(tokens: readonly Token[], place: number): boolean {
  const depth = tokens[place]?.depth ?? 0;
  const ends = ["where", "from", "returning", "select", "if", "when", "on", "and", "or", "then"];
  let cases = 0;
  for (let back = place - 1; back >= 0; back--) {
    const token = tokens[back];
    if (token === undefined || token.depth < depth) return false;
    if (token.depth > depth) continue;
    // Conditions of a `case` that has ended before are its own.
    if (token.text === "end") cases++;
    else if (token.text === "case" && cases > 0) cases--;
    if (cases > 0) continue;
    if (token.text === "set" || token.text === "using") return true;
    if (token.text === ";") return back === place - 2;
    if (ends.includes(token.text)) return false;
  }
  return false;
}

const SPOKEN = new Set(["format", "concat_ws", "billing.raise_error", "raise_error"]);

/** Whether `place` is inside what is only said: the arguments of a message. */
export function isMessage(tokens: readonly Token[], place: number): boolean {
  let depth = tokens[place]?.depth ?? 0;
  for (let back = place - 1; back >= 0 && depth > 0; back--) {
    const token = tokens[back];
    if (token === undefined || token.text !== "(" || token.depth >= depth) continue;
    depth = token.depth;
    if (SPOKEN.has(tokens[back - 1]?.text ?? "")) return true;
  }
  return false;
}
