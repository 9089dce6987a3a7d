import { createHash } from "node:crypto";
import { isMessage } from "./clauses.ts";
import { type Edit, RULES } from "./rules.ts";
import { type Statement, statementsOf } from "./statements.ts";

/** One slip in one statement. */
export interface Mutant {
  readonly rule: string;
  readonly statement: Statement;
  /** The whole statement with the slip in it; empty where the slip is that it is forgotten. */
  readonly sql: string;
  /** Line in the file, its text, and what the slip makes of it. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
  /** What makes it this one: the slip with a few words around it, and which one of the like. */
  readonly identity: string;
}

/** How many tokens on each side of a slip belong to its identity. */
const CONTEXT = 6;

/** Every slip that the rules make in a source file, in the order of the text. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const alike = new Map<string, number>();
  return statementsOf(file, text).flatMap((statement) =>
    statement.kind === "grant" || statement.kind === "revoke"
      ? forgottenRights(statement)
      : statement.tokens.flatMap((_, place) => slipsAt(statement, place))
  ).map((slip) => {
    const earlier = alike.get(slip.identity) ?? 0;
    alike.set(slip.identity, earlier + 1);
    return { ...slip, identity: `${slip.identity} ${earlier}` };
  });
}

function slipsAt(statement: Statement, place: number): Mutant[] {
  const { tokens, kind } = statement;
  if (isMessage(tokens, place)) return [];
  return Object.entries(RULES).flatMap(([name, rule]) =>
    rule(tokens, place, kind).map((edit) => mutant(name, statement, edit))
  );
}

/**
 * A grant that is forgotten or goes to a role too many, a revoke of functions that is forgotten. Like
 * a new project, the platform grants nothing on tables: a revoke there changes nothing.
 */
function forgottenRights(statement: Statement): Mutant[] {
  const { kind, tokens, sql } = statement;
  if (kind === "revoke" && !["function", "all"].includes(tokens[3]?.text ?? "")) return [];
  const mutants = [mutant("grant", statement, { start: 0, end: sql.length, text: "" })];
  const role = tokens.at(-2);
  const isMore = role?.text === "service_role" && tokens.at(-3)?.text !== ",";
  if (kind !== "grant" || !isMore) return mutants;
  const edit = { start: role.start, end: role.end, text: "service_role, authenticated" };
  return [...mutants, mutant("grant", statement, edit)];
}

function mutant(rule: string, statement: Statement, edit: Edit): Mutant {
  const { sql } = statement;
  const { start, end, text } = edit;
  const mutated = sql.slice(0, start) + text + sql.slice(end);
  const lineStart = sql.lastIndexOf("\n", start) + 1;
  const lineEnd = sql.indexOf("\n", end);
  const tail = sql.slice(end, lineEnd === -1 ? sql.length : lineEnd);
  return {
    rule,
    statement,
    sql: mutated,
    line: statement.line + sql.slice(0, start).split("\n").length - 1,
    before: oneLine(sql.slice(lineStart, end) + tail),
    after: oneLine(sql.slice(lineStart, start) + text + tail),
    identity: identify(rule, statement, edit),
  };
}

/** Without comments, spaces and places: these may change, and what is far from the slip too. */
function identify(rule: string, { object, tokens }: Statement, { start, end, text }: Edit): string {
  const first = tokens.findIndex((token) => token.start >= start);
  const next = tokens.findIndex((token) => token.start >= end);
  const [from, to] = [first, next].map((place) => place === -1 ? tokens.length : place);
  const words = (list: readonly { text: string }[]) => list.map((token) => token.text).join(" ");
  const [before, slip, after] = [
    tokens.slice(Math.max(0, (from ?? 0) - CONTEXT), from),
    tokens.slice(from, to),
    tokens.slice(to, (to ?? 0) + CONTEXT),
  ].map(words);
  return [rule, object, before, slip, text, after].join("\n");
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim() || "(nothing)";
}

/**
 * `count` of them, the same for a seed; with `eachRule` the rules give one after the other, so that
 * a few slips are of many kinds. A slip keeps its rank while what is near it stays as it is: a
 * change of one statement moves a slip of that statement into the choice or out of it, no other.
 */
export function choose(
  mutants: readonly Mutant[],
  seed: number,
  count: number,
  eachRule = true,
): Mutant[] {
  const rankOf = ({ identity }: Mutant) =>
    createHash("sha256").update(`${seed}\n${identity}`).digest("hex");
  const ranked = mutants.map((mutant) => ({ mutant, rank: rankOf(mutant) }))
    .sort((a, b) => a.rank < b.rank ? -1 : 1);
  const turns = new Map<string, number>();
  return ranked.map(({ mutant, rank }) => {
    const turn = eachRule ? turns.get(mutant.rule) ?? 0 : 0;
    turns.set(mutant.rule, turn + 1);
    return { mutant, rank, turn };
  }).sort((a, b) => a.turn - b.turn || (a.rank < b.rank ? -1 : 1)).slice(0, count)
    .map(({ mutant }) => mutant);
}
