import type { Source } from "./rooms.ts";
import { objectsOf } from "./dump.ts";

/** What the next migration has to do, from descriptions of the sources and of what is released. */
export interface Next {
  /** Statements that are certain: functions as the sources have them, and those that are gone. */
  readonly statements: readonly string[];
  /** Objects that a person changes: tables, views and types, with the lines that differ. */
  readonly byHand: readonly string[];
}

/**
 * Compares what the sources make (`wanted`) with what the migrations make (`found`), both of one
 * server. A function that differs is replaced whole; where its arguments or its result differ, the
 * old one is dropped first.
 */
export function nextMigration(wanted: string, found: string, sources: readonly Source[]): Next {
  const [to, from] = [objectsOf(wanted, true), objectsOf(found, true)];
  const statements: string[] = [];
  const byHand: string[] = [];
  for (const name of [...from.keys()].filter((object) => !to.has(object))) {
    if (name.startsWith("function ")) {
      statements.push(`drop routine ${name.slice("function ".length)};`);
    } else byHand.push(`${name} is gone`);
  }
  for (const [name, lines] of to) {
    const before = from.get(name);
    if (before?.join("\n") === lines.join("\n")) continue;
    const text = name.startsWith("function ") ? textOf(name, sources) : undefined;
    if (text === undefined) byHand.push(difference(name, before ?? [], lines));
    else if (before === undefined) statements.push(created(name, lines, text));
    else if (resultOf(before) === resultOf(lines)) statements.push(replacing(text));
    else {
      const drop = `drop routine ${name.slice("function ".length)};`;
      statements.push(`${drop}\n${created(name, lines, text)}`);
    }
  }
  return { statements, byHand };
}

/** The file of a migration that does this much; the rest is said in its head. */
export function draftOf({ statements, byHand }: Next): string {
  const rest = byHand.flatMap((text) => text.split("\n").map((line) => `--   ${line}`));
  const head = rest.length === 0 ? [] : [["-- By hand:", ...rest].join("\n")];
  return `${[...head, ...statements].join("\n\n")}\n`;
}

const resultOf = (lines: readonly string[]) => lines.find((line) => line.startsWith("returns "));

/** Everybody may execute a function that is new; the sources take that from all at their end. */
function created(name: string, lines: readonly string[], text: string): string {
  if (lines.includes("grant execute to public")) return text;
  return `${text}\nrevoke all on routine ${name.slice("function ".length)} from public;`;
}

const replacing = (text: string) =>
  text.replace(/^create (function|procedure)/m, "create or replace $1");

/** The text that makes the function, with its comment and grants; nothing where overloads share it. */
function textOf(object: string, sources: readonly Source[]): string | undefined {
  const name = /^function ([\w.]+)/.exec(object)?.[1];
  const texts = sources.flatMap(({ text }) => statementsOf(text))
    .filter((statement) => madeBy(statement) === name);
  return texts.length === 1 ? texts[0] : undefined;
}

const madeBy = (statement: string) =>
  /^create (?:function|procedure) ([\w.]+)/m.exec(statement)?.[1];

/** A source from one `create` to the next, each with the comment above it; an empty line is between. */
function statementsOf(text: string): string[] {
  return text.split(/\n{2,}(?=(?:--.*\n)*create )/).map((statement) => statement.trim());
}

/** A column that a migration adds comes last: in the source it has to stand there too. */
function difference(name: string, before: readonly string[], after: readonly string[]): string {
  const gone = before.filter((line) => !after.includes(line));
  const come = after.filter((line) => !before.includes(line));
  if (gone.length + come.length === 0) {
    return `${name}: its lines are in another order; new columns stand last in the source`;
  }
  return [`${name}:`, ...gone.map((l) => `  - ${l}`), ...come.map((l) => `  + ${l}`)].join("\n");
}
