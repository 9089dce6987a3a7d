import { join } from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";
import type { SectionResult } from "../runner/report.ts";

const packageSchema = z.object({ dependencies: z.record(z.string(), z.string()) });
const functionSchema = z.object({ imports: z.record(z.string(), z.string()).default({}) });

/**
 * Hosted deploys read a function's own deno.json, tests read package.json: both must name the same
 * versions, or what was tested is not what runs.
 */
export async function checkVersions(): Promise<SectionResult> {
  const { dependencies } = packageSchema.parse(await readJson("package.json"));
  const result: SectionResult = { passed: 0, failed: 0, details: [] };
  for (const file of await listFiles("supabase/functions", "deno.json")) {
    const { imports } = functionSchema.parse(await readJson(file));
    const problems = versionProblems(imports, dependencies);
    if (problems.length === 0) result.passed++;
    else result.failed++;
    result.details.push(...problems.map((problem) => `${file}: ${problem}`));
  }
  return result;
}

/** The imports of `npm:` packages that are not at the version of `dependencies`. */
export function versionProblems(
  imports: Record<string, string>,
  dependencies: Record<string, string>,
): string[] {
  return Object.values(imports).flatMap((target) => {
    const match = /^npm:\/?((?:@[^/]+\/)?[^@/]+)(?:@([^/]+))?/.exec(target);
    if (match === null) return [];
    const [, name = "", version] = match;
    if (dependencies[name] === version && version !== undefined) return [];
    return [`${target}, but package.json has ${name} ${dependencies[name] ?? "not at all"}`];
  });
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await Deno.readTextFile(join(repositoryRoot, file)));
}
