import postgres from "postgres";
import { z } from "zod";
import { runSupabase } from "../../platform/supabase-cli.ts";
import type { SectionResult } from "./report.ts";

const lintSchema = z.array(z.object({
  function: z.string(),
  issues: z.array(z.object({
    level: z.string(),
    message: z.string(),
    statement: z.object({ lineNumber: z.coerce.string() }).nullish(),
  })),
}));

/**
 * plpgsql_check over every function, by `supabase db lint`. Needs that extension installed. It
 * cannot see temporary tables that a function makes for itself; that complaint is left out.
 */
export async function lintDatabase(databaseUrl: string): Promise<SectionResult> {
  const { success, stdout, stderr } = await runSupabase([
    "db",
    "lint",
    `--remote=${databaseUrl}`,
    "--level=warning",
    "--fail-on=none",
  ]);
  if (!success) return { passed: 0, failed: 1, details: [stdout + stderr] };
  const start = stdout.indexOf("[");
  const found = start === -1 ? [] : lintSchema.parse(JSON.parse(stdout.slice(start)));
  return asResult(
    found.flatMap((entry) =>
      entry.issues.map(({ message, statement }) =>
        `${entry.function}: ${message}` +
        (statement ? `, in the statement of line ${statement.lineNumber}` : "")
      )
    )
      .filter((problem) => !/relation "pg_temp\.\w+" does not exist/.test(problem)),
  );
}

function asResult(problems: string[]): SectionResult {
  return { passed: problems.length === 0 ? 1 : 0, failed: problems.length, details: problems };
}

const adviceSchema = z.object({
  name: z.string(),
  detail: z.string(),
  metadata: z.object({ name: z.string(), schema: z.string() }).partial().nullish(),
});
const advisorsSchema = z.object({ results: z.array(adviceSchema) });

/** Supabase's security and performance advisors, all that they say at any level. */
export async function adviseDatabase(databaseUrl: string): Promise<SectionResult> {
  const { success, stdout, stderr } = await runSupabase([
    "db",
    "advisors",
    `--remote=${databaseUrl}`,
    "--level=info",
    "--fail-on=none",
    "--output-format=json",
  ]);
  if (!success) return { passed: 0, failed: 1, details: [stdout + stderr] };
  const bound = await functionsBoundAtCreation(databaseUrl);
  const { results } = advisorsSchema.parse(JSON.parse(stdout));
  return asResult(
    results.filter((advice) => !isMeant(advice, bound))
      .map(({ name, detail }) => `${name}: ${detail}`),
  );
}

/** Advice that says what we mean to be so. Each has its reason; nothing else is left out. */
export function isMeant(
  { name, metadata }: z.infer<typeof adviceSchema>,
  boundAtCreation: ReadonlySet<string>,
): boolean {
  switch (name) {
    case "unused_index":
      // Of a database that was made a moment ago it is true of every index.
      return true;
    case "rls_enabled_no_policy":
      // Nobody but its owner and the service may read what is internal: no policy says so.
      return metadata?.schema === "billing" || metadata?.schema === "_billing";
    case "function_search_path_mutable":
      return boundAtCreation.has(`${metadata?.schema}.${metadata?.name}`);
    default:
      return false;
  }
}

/**
 * Functions with an SQL-standard body (`return …`, `begin atomic`): their names are bound when they
 * are created, so no search_path can change them, and pinning one would stop their inlining. And
 * procedures: one with a setting of its own may not commit.
 */
async function functionsBoundAtCreation(databaseUrl: string): Promise<Set<string>> {
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    const rows = await sql<{ name: string }[]>`
      select n.nspname || '.' || p.proname as name
      from pg_catalog.pg_proc as p
      join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
      group by n.nspname, p.proname
      having bool_and(p.prosqlbody is not null or p.prokind = 'p')
    `;
    return new Set(rows.map((row) => row.name));
  } finally {
    await sql.end();
  }
}
