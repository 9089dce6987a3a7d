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
  /** Line in the file; what stands there, and what the slip makes of it. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

/** Every slip that the rules make in a source file, in the order of the text. */
export function mutantsOf(file: string, text: string): Mutant[] {
  return statementsOf(file, text).flatMap((statement) =>
    statement.kind === "grant" || statement.kind === "revoke"
      ? forgottenRights(statement)
      : statement.tokens.flatMap((_, place) => slipsAt(statement, place))
  );
}

function slipsAt(statement: Statement, place: number): Mutant[] {
  const { tokens, kind } = statement;
  if (isMessage(tokens, place)) return [];
  return Object.entries(RULES).flatMap(([name, rule]) =>
    rule(tokens, place, kind).map((edit) => mutant(name, statement, edit))
  );
}

/**
 * A grant that is forgotten or goes to a role too many, a revoke of functions that is forgotten. Of
 * tables the platform, as a new project does, has granted nothing: without their revokes all is as
 * before.
 */
function forgottenRights(statement: Statement): Mutant[] {
  const { kind, tokens, sql } = statement;
  if (kind === "revoke" && !["function", "all"].includes(tokens[3]?.text ?? "")) return [];
  const mutants = [mutant("grant", statement, { start: 0, end: sql.length, text: "" })];
  const role = tokens.at(-2);
  if (kind !== "grant" || role?.text !== "service_role") return mutants;
  const edit = { start: role.start, end: role.end, text: "service_role, authenticated" };
  return [...mutants, mutant("grant", statement, edit)];
}

function mutant(rule: string, statement: Statement, { start, end, text }: Edit): Mutant {
  const { sql } = statement;
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
  };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim() || "(nothing)";
}

/**
 * `count` of them, the same for a seed: each rule gives one after the other, so that rare slips are
 * tried as often as common ones. A change of one statement leaves the choice elsewhere as it was.
 */
export function choose(mutants: readonly Mutant[], seed: number, count: number): Mutant[] {
  const rankOf = (mutant: Mutant) =>
    createHash("sha256")
      .update([seed, mutant.rule, mutant.statement.object, mutant.sql].join("\n")).digest("hex");
  const ranked = mutants.map((mutant) => ({ mutant, rank: rankOf(mutant) }))
    .sort((a, b) => a.rank < b.rank ? -1 : 1);
  const turns = new Map<string, number>();
  return ranked.map(({ mutant, rank }) => {
    const turn = turns.get(mutant.rule) ?? 0;
    turns.set(mutant.rule, turn + 1);
    return { mutant, rank, turn };
  }).sort((a, b) => a.turn - b.turn || (a.rank < b.rank ? -1 : 1)).slice(0, count)
    .map(({ mutant }) => mutant);
}
