import { copyFile, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
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

/** Writes one function as one file, with the pinned bundler: nothing is fetched. */
export async function bundle(
  entry: string,
  file: string,
  env: Record<string, string> = {},
): Promise<void> {
  await placeBundler(env);
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
    env,
    stdout: "null",
  }).output();
  if (!success) throw new Error(`bundling ${entry}: ${new TextDecoder().decode(stderr)}`);
}

const DenoInfo = z.object({ denoDir: z.string() });

/**
 * Puts esbuild where Deno looks for it before it downloads it: the same version, from the packages
 * that the lock file pins.
 */
async function placeBundler(env: Record<string, string>): Promise<void> {
  const info = await new Deno.Command(denoBinary("current"), {
    args: ["info", "--json"],
    cwd: repositoryRoot,
    env,
  }).output();
  const { denoDir } = DenoInfo.parse(JSON.parse(new TextDecoder().decode(info.stdout)));
  const require = createRequire(import.meta.url);
  const { version } = z.object({ version: z.string() })
    .parse(JSON.parse(await readFile(require.resolve("esbuild/package.json"), "utf8")));
  const name = `${platform()}-${arch()}`;
  const folder = join(denoDir, "dl", `esbuild-${version}-1`);
  const place = join(folder, `esbuild-${name}${platform() === "win32" ? ".exe" : ""}`);
  if (await stat(place).then(() => true, () => false)) return;
  const own = createRequire(require.resolve("esbuild/package.json"))
    .resolve(`@esbuild/${name}/package.json`);
  const binary = platform() === "win32" ? "esbuild.exe" : join("bin", "esbuild");
  await mkdir(folder, { recursive: true });
  // Two may do this at once.
  const whole = `${place}.${crypto.randomUUID()}`;
  await copyFile(join(dirname(own), binary), whole);
  await rename(whole, place);
}
