import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { denoBinary } from "./deno-binary.ts";
import { readConfig } from "./config.ts";
import { repositoryRoot } from "./repository.ts";

/** An edge function as one file. */
export interface Bundle {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Writes every function of config.toml as one file into `<folder>/supabase/functions/<name>`, with a
 * config.toml beside them, so that the CLI deploys from there. Hosted functions may have 20 MB (5 MB
 * bundled on the server) and every file of an npm package counts: `stripe` alone has 18 MB, of which
 * a function uses 0.3. Rejects with what the bundler says.
 */
export async function bundleFunctions(folder: string): Promise<Bundle[]> {
  const root = join(repositoryRoot, folder, "supabase");
  await rm(root, { recursive: true, force: true });
  const { functions } = await readConfig();
  const bundles = [];
  for (const name of Object.keys(functions)) {
    const file = join(root, "functions", name, "index.ts");
    await mkdir(join(root, "functions", name), { recursive: true });
    await bundle(join(repositoryRoot, "supabase", "functions", name, "index.ts"), file);
    bundles.push({ name, bytes: (await stat(file)).size });
  }
  const config = await readFile(join(repositoryRoot, "supabase", "config.toml"), "utf8");
  await writeFile(join(root, "config.toml"), config.replace(/^import_map = .*\n/gm, ""));
  return bundles;
}

async function bundle(entry: string, file: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(denoBinary("current"), {
    args: [
      "bundle",
      "--minify",
      "--platform=deno",
      "--config=deno.json",
      `--output=${file}`,
      entry,
    ],
    cwd: repositoryRoot,
    stdout: "null",
  }).output();
  if (!success) throw new Error(`bundling ${entry}: ${new TextDecoder().decode(stderr)}`);
}
