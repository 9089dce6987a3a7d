import { join } from "node:path";
import postgres from "postgres";
import { denoBinary } from "../../platform/deno-binary.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { topics } from "../../test/cases/topics.ts";
import { listFiles } from "../../test/runner/files.ts";
import { runPgtapFile } from "../../test/runner/pgtap.ts";
import { statementTexts } from "../statements.ts";
import type { NamedTest } from "./planted.ts";

/** How a test ended: what was red of it, by name, and all that it printed. */
export interface Ended {
  readonly red: readonly string[];
  /** Whether it was ended because it took too long. */
  readonly isCutOff: boolean;
  readonly output: string;
}

const UNUSED = "http://127.0.0.1:9";

/** Statements of a test that take longer than this have been made endless. */
const STATEMENT_LIMIT_MS = 120_000;

/** A test that takes longer has been made endless, which the suite would notice by its own time. */
const TEST_LIMIT_MS = 900_000;

/** What tests ask of a platform that they make no use of. */
const NO_PLATFORM = {
  PLATFORM_ENGINE: "embedded",
  PLATFORM_API_URL: UNUSED,
  PLATFORM_DATABASE_URL: "postgres://127.0.0.1:9/none",
  PLATFORM_DATABASE_ADMIN_URL: "postgres://127.0.0.1:9/none",
  PLATFORM_MAIL_URL: UNUSED,
  PLATFORM_SMTP_URL: UNUSED,
  PLATFORM_PUBLISHABLE_KEY: "none",
  PLATFORM_SECRET_KEY: "none",
};

/** Runs a test that needs a database and no other file of the checkout than its own. */
export async function runInDatabase(test: NamedTest, databaseUrl: string): Promise<Ended> {
  if (test.kind === "pgtap") {
    const file = await fileOf(test);
    const { failures } = await runPgtapFile(databaseUrl, file, STATEMENT_LIMIT_MS);
    // Of a file that an error ends nothing is known of the assertions before it.
    const isError = failures.length > 0 && !failures.some((one) => one.startsWith("not ok"));
    const red = isError ? [...failures, ...await redUntilError(databaseUrl, file)] : failures;
    return { red, isCutOff: false, output: red.join("\n") };
  }
  const file = "dev/test/cases/cases.test.ts";
  const [topic] =
    Object.entries(topics).find(([, cases]) =>
      cases.some(({ name }) => name.includes(test.words))
    ) ?? [];
  if (topic === undefined) throw new Error(`no case is ${test.words}`);
  const filter = `worked cases: ${topic}`;
  return await runDeno(repositoryRoot, file, filter, { DATABASE_URL: databaseUrl });
}

/** The assertions that fail before the first statement that is an error. */
async function redUntilError(databaseUrl: string, file: string): Promise<string[]> {
  const text = await Deno.readTextFile(join(repositoryRoot, file));
  const sql = postgres(databaseUrl, {
    max: 1,
    onnotice: () => {},
    connection: { search_path: "public, extensions", statement_timeout: STATEMENT_LIMIT_MS },
  });
  const red: string[] = [];
  try {
    for (const statement of statementTexts(text)) {
      const rows = await sql.unsafe(statement).simple();
      const cells = rows.flatMap((row) => Object.values(row)).map(String);
      red.push(...cells.filter((cell) => cell.startsWith("not ok")));
    }
  } catch {
    // The error itself is among what the whole file says.
  } finally {
    await sql.end();
  }
  return red;
}

/** Runs a test in a copy of the checkout. */
export async function runInCopy(test: NamedTest, root: string): Promise<Ended> {
  const file = await fileOf(test);
  if (test.kind !== "e2e") return await runDeno(root, file, test.words, NO_PLATFORM);
  const args = ["dev/bootstrap.mjs", "dev/test/main.ts", "e2e", file, "--engine", "embedded"];
  return await run("node", args, root, {});
}

const listed = new Map<string, Promise<string[]>>();

/** The path of the file that a test names. */
export async function fileOf({ kind, file }: NamedTest): Promise<string> {
  const [folder, suffix] = {
    pgtap: ["supabase/tests", ".sql"],
    cases: ["dev/test/cases", ".ts"],
    unit: [".", ".test.ts"],
    sessions: ["dev/test/e2e", ".test.ts"],
    e2e: ["dev/test/e2e", ".test.ts"],
  }[kind];
  const list = listed.get(`${folder}${suffix}`) ?? listFiles(folder ?? "", suffix ?? "");
  listed.set(`${folder}${suffix}`, list);
  const found = (await list)
    .filter((path) => `/${path}`.endsWith(`/${file}${suffix}`));
  const [path] = found;
  if (path === undefined || found.length > 1) throw new Error(`${found.length} files are ${file}`);
  return path;
}

async function runDeno(
  root: string,
  file: string,
  filter: string,
  env: Record<string, string>,
): Promise<Ended> {
  const args = [
    "test",
    "--allow-all",
    "--no-check",
    "--config=deno.json",
    "--filter",
    filter,
    file,
  ];
  return await run(denoBinary("current"), args, root, env);
}

async function run(
  program: string,
  args: string[],
  cwd: string,
  env: Record<string, string>,
): Promise<Ended> {
  const signal = AbortSignal.timeout(TEST_LIMIT_MS);
  const { stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).output();
  const decoder = new TextDecoder();
  return ended(decoder.decode(stdout) + decoder.decode(stderr), signal.aborted);
}

/**
 * The names of the tests and steps that Deno prints as failed: as it runs them, unless one prints
 * between its name and its end, and in the list of failures.
 */
export function ended(output: string, isCutOff = false): Ended {
  const red = [
    ...output.matchAll(/^ *(.+?) \.\.\. FAILED/gm),
    ...output.matchAll(/^ *(.+?) \.\.\.'.+ running for .+\n(?:'.+ running for .+\n)* FAILED/gm),
    ...output.matchAll(/^(.+) => \S+:\d+:\d+$/gm),
  ].map(([, name = ""]) => name);
  if (red.length === 0 && / 0 passed \| 0 failed/.test(output)) throw new Error("no test ran");
  return { red, isCutOff, output };
}

/** Whether what a test names is among what was red. */
export function isRed({ words }: NamedTest, { red }: Ended): boolean {
  return red.some((name) => name.replaceAll(/\s+/g, " ").includes(words));
}
