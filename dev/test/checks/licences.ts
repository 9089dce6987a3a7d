import { join } from "node:path";
import { ALLOWED, licenceOf, licencesPage } from "../../tools/licences-page.ts";
import {
  LOCK_FILES,
  type LockedPackage,
  lockedPackages,
  readLockFile,
} from "../../tools/lock-file.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import type { SectionResult } from "../runner/report.ts";

/** Checks that every package has a licence that is allowed, and that docs/licences.md says which. */
export async function checkLicences(): Promise<SectionResult> {
  const packages = (await Promise.all(LOCK_FILES.map(readLockFile))).flatMap(lockedPackages);
  const problems = licenceProblems(packages);
  const written = await Deno.readTextFile(join(repositoryRoot, "docs", "licences.md"));
  if (written !== await licencesPage()) {
    problems.push("docs/licences.md is stale: run `npm run licences`");
  }
  return {
    passed: packages.length - problems.length,
    failed: problems.length,
    details: problems,
  };
}

/** Packages whose licence is not known or not allowed. */
export function licenceProblems(packages: readonly LockedPackage[]): string[] {
  return packages.flatMap((one) => {
    const licence = licenceOf(one);
    if (licence !== null && Object.hasOwn(ALLOWED, licence)) return [];
    return [`${one.path}: licence ${licence ?? "not known"} is not allowed`];
  });
}
