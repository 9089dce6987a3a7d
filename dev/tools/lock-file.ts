import { join } from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../platform/repository.ts";

/** npm's lock files: what is installed to run and build everything, and what makes the PDF code. */
export const LOCK_FILES = ["package-lock.json", "dev/tools/vendor/package-lock.json"] as const;

const Locked = z.object({
  name: z.string().optional(),
  version: z.string(),
  license: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  dev: z.boolean().default(false),
  optional: z.boolean().default(false),
  hasInstallScript: z.boolean().default(false),
  os: z.array(z.string()).optional(),
  cpu: z.array(z.string()).optional(),
});
const LockFile = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), z.unknown()),
});

/** One package of a lock file; `path` is where it is installed. */
export type LockedPackage = z.infer<typeof Locked> & {
  readonly path: string;
  readonly name: string;
};

/** All packages of a lock file's text, but for the project itself; throws where one has no version. */
export function lockedPackages(text: string): LockedPackage[] {
  const { packages } = LockFile.parse(JSON.parse(text));
  return Object.entries(packages).filter(([path]) => path !== "").map(([path, entry]) => {
    const locked = Locked.parse(entry);
    return { ...locked, path, name: locked.name ?? path.split("node_modules/").at(-1) ?? path };
  });
}

export function readLockFile(file: (typeof LOCK_FILES)[number]): Promise<string> {
  return Deno.readTextFile(join(repositoryRoot, file));
}
