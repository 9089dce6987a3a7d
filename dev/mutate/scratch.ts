import postgres, { type Sql } from "postgres";
import type { EngineName } from "../platform/postgres-engine.ts";
import { startGuard } from "../platform/guard.ts";
import { startPostgres } from "../platform/postgres.ts";
import type { Mutant } from "./mutants.ts";
import type { Source } from "./sources.ts";
import { statementsOf } from "./statements.ts";

/** Databases that are each used for one mutant. */
export interface Scratch {
  /** Of the schema as it is. */
  readonly soundUrl: string;
  /** Runs `use` on a database with the mutant in it; throws `NotApplied` where that fails. */
  withMutant<T>(mutant: Mutant, use: (databaseUrl: string) => Promise<T>): Promise<T>;
  /** As `withMutant`, for uses that leave nothing behind: no copy where one object is replaced. */
  withReplaced<T>(mutant: Mutant, use: (databaseUrl: string) => Promise<T>): Promise<T>;
  /** Runs `use` on a database that is made of other sources; throws `NotApplied` too. */
  withSources<T>(
    others: readonly Source[],
    use: (databaseUrl: string) => Promise<T>,
  ): Promise<T>;
  /** Runs `use` on a database without a mutant where calls of functions are counted. */
  withTracked<T>(use: (databaseUrl: string) => Promise<T>): Promise<T>;
}

export class NotApplied extends Error {}

/** What tests expect of a platform besides the schema. */
const FINISH = [
  "create extension if not exists pgtap with schema extensions",
  "select vault.create_secret('http://127.0.0.1:9', 'billing_functions_url')",
  "select vault.create_secret('none', 'billing_cron_key')",
];

/** Starts a server with an empty database and one with the schema; both are copied. */
export async function withScratch<T>(
  engine: EngineName,
  sources: readonly Source[],
  use: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  const guard = startGuard();
  try {
    const server = await startPostgres({ engine, port: 0, durable: false, guard });
    const admin = postgres(new URL("/template1", server.adminUrl).href, {
      max: 1,
      onnotice: () => {},
    });
    const urlOf = (name: string) => new URL(`/${name}`, server.databaseUrl).href;
    const copy = async (from: string, to: string) => {
      await admin`create database ${admin(to)} template ${admin(from)} owner postgres`;
    };
    try {
      await copy("postgres", "sound");
      await withSession(urlOf("sound"), async (sql) => {
        for (const { text } of sources) await sql.unsafe(text).simple();
        for (const step of FINISH) await sql.unsafe(step).simple();
      });
      await copy("sound", "checked");
      let copies = 0;
      const changed = async <R>(steps: Steps, judge: (url: string) => Promise<R>): Promise<R> => {
        const name = `mutant_${++copies}`;
        await copy(steps.from, name);
        try {
          await withSession(urlOf(name), (sql) => apply(sql, steps.sql));
          return await judge(urlOf(name));
        } finally {
          await admin`drop database ${admin(name)} with (force)`;
        }
      };
      const replaced = reusing(async () => {
        const name = `replaced_${++copies}`;
        await copy("sound", name);
        return urlOf(name);
      });
      return await use({
        soundUrl: urlOf("checked"),
        withReplaced: (mutant, judge) =>
          isReplaceable(mutant)
            ? replaced(mutant, judge)
            : changed(stepsOf(mutant, sources), judge),
        withTracked: async (run) => {
          const name = `tracked_${++copies}`;
          await copy("sound", name);
          await admin`alter database ${admin(name)} set track_functions = 'all'`;
          return await run(urlOf(name));
        },
        withMutant: (mutant, judge) => changed(stepsOf(mutant, sources), judge),
        withSources: (others, judge) => changed(stepsTo(others, sources), judge),
      });
    } finally {
      await admin.end();
      await server.stop();
    }
  } finally {
    await guard.stop();
  }
}

/**
 * Puts mutants into databases one after the other, and what was there back afterwards: to copy a
 * database takes longer than most tests.
 */
function reusing(copied: () => Promise<string>) {
  const spare: string[] = [];
  return async <T>(mutant: Mutant, use: (url: string) => Promise<T>): Promise<T> => {
    const url = spare.pop() ?? await copied();
    const put = (sql: string) => withSession(url, (session) => apply(session, [replacing(sql)]));
    try {
      await put(mutant.sql);
    } catch (error) {
      spare.push(url);
      throw error;
    }
    const result = await use(url);
    await put(mutant.statement.sql);
    spare.push(url);
    return result;
  };
}

function isReplaceable({ statement }: Mutant): boolean {
  return ["function", "view", "trigger"].includes(statement.kind);
}

/** The database to begin with, and what is done in it. */
interface Steps {
  readonly from: "sound" | "postgres";
  readonly sql: readonly string[];
}

/** What takes a database to the mutant: one object replaced where that can be, else all anew. */
function stepsOf(mutant: Mutant, sources: readonly Source[]): Steps {
  const { sql, statement } = mutant;
  if (isReplaceable(mutant)) {
    return { from: "sound", sql: [replacing(sql)] };
  }
  const texts = sources.map(({ file, text }) =>
    file !== statement.file ? text : text.slice(0, statement.offset) + sql +
      text.slice(statement.offset + statement.sql.length)
  );
  return {
    from: "postgres",
    sql: [...texts, ...FINISH],
  };
}

/** What takes a database to other sources: functions replaced where that is all, else all anew. */
function stepsTo(others: readonly Source[], sources: readonly Source[]): Steps {
  const before = new Map(sources.map(({ file, text }) => [file, text]));
  const replaced: string[] = [];
  for (const { file, text } of others) {
    let made = before.get(file) ?? "";
    if (made === text) continue;
    const old = statementsOf(file, made);
    for (const [place, { kind, sql }] of statementsOf(file, text).entries()) {
      const earlier = old[place];
      if (kind !== "function" || earlier === undefined || earlier.sql === sql) continue;
      made = made.replace(earlier.sql, () => sql);
      replaced.push(replacing(sql));
    }
    if (made !== text) {
      return { from: "postgres", sql: [...others.map((source) => source.text), ...FINISH] };
    }
  }
  return { from: "sound", sql: replaced };
}

/** `create function …` as a statement that replaces it. */
export function replacing(sql: string): string {
  return sql.replace(/^create (?!or replace)/, "create or replace ");
}

async function apply(sql: Sql, steps: readonly string[]): Promise<void> {
  try {
    for (const step of steps) await sql.unsafe(step).simple();
  } catch (error) {
    throw new NotApplied(error instanceof Error ? error.message : String(error));
  }
}

async function withSession<T>(url: string, use: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}
