import { join, relative } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";

/**
 * Files under `folder` (relative to the checkout) whose name ends with `suffix`, sorted, relative
 * to the checkout. None when the folder is not there. Installed packages are left out.
 */
export async function listFiles(folder: string, suffix: string): Promise<string[]> {
  const found: string[] = [];
  await walk(join(repositoryRoot, folder), suffix, found);
  return found.map((path) => relative(repositoryRoot, path)).sort();
}

async function walk(directory: string, suffix: string, found: string[]): Promise<void> {
  try {
    for await (const entry of Deno.readDir(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory && entry.name !== "node_modules" && !entry.name.startsWith(".")) {
        await walk(path, suffix, found);
      } else if (entry.isFile && entry.name.endsWith(suffix)) found.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
