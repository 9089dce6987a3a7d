import { copyFile, cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { createRequire } from "node:module";
import { z } from "zod";
import type { Engine } from "./postgres-engine.ts";

/** Our private view of an installation: same server, more extensions. Nothing of it is changed. */
export interface Overlay {
  bin: string;
}

/**
 * Builds the view under `directory`. PostgreSQL finds its libraries and extension files relative to
 * its own (resolved) binary, so the binaries are copied and the rest may be links.
 */
export async function buildOverlay(engine: Engine, directory: string): Promise<Overlay> {
  const root = join(directory, "postgresql");
  const bin = join(root, engine.bin);
  await mkdir(bin, { recursive: true });
  for (const program of ["postgres", "initdb", "pg_ctl"]) {
    await copyFile(join(engine.root, engine.bin, program), join(bin, program));
  }
  const place = engine.place === "copy"
    ? (from: string, to: string) => cp(from, to, { recursive: true, verbatimSymlinks: true })
    : (from: string, to: string) => symlink(from, to);
  await place(join(engine.root, engine.lib), join(root, engine.lib));
  if (engine.name === "embedded") await restoreLinks(engine.root, root);
  const share = join(root, engine.share);
  await mkdir(join(share, "extension"), { recursive: true });
  for (const name of await readdir(join(engine.root, engine.share))) {
    if (name === "extension") continue;
    await place(join(engine.root, engine.share, name), join(share, name));
  }
  await fillExtensions(engine, join(share, "extension"));
  return { bin };
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** The npm package cannot carry links; it lists them in a file that its install script reads. */
async function restoreLinks(from: string, root: string): Promise<void> {
  const text = await readFile(join(from, "pg-symlinks.json"), "utf8");
  for (const { source, target } of linksSchema.parse(JSON.parse(text))) {
    const inside = (path: string) => join(root, relative("native", path));
    if (!target.startsWith("native/lib/")) continue;
    await symlink(relative(dirname(inside(target)), inside(source)), inside(target))
      .catch((error: unknown) => {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      });
  }
}

/** Extensions that hosted Supabase lets the non-superuser `postgres` create; here `trusted` does. */
const creatableByPostgres = ["pg_cron.control", "pg_net.control", "plpgsql_check.control"];

/** An extension of ours takes the place of an installed one, except where the real one is used. */
async function fillExtensions(engine: Engine, to: string): Promise<void> {
  const folder = new URL("./extensions/", import.meta.url);
  const own = (await readdir(folder))
    .filter((name) => !(engine.hasRealCron && name.startsWith("pg_cron")))
    .filter((name) => !(engine.hasRealNet && name.startsWith("pg_net")));
  const replaced = new Set(own.map(extensionOf));
  const installed = join(engine.root, engine.share, "extension");
  for (const name of await readdir(installed)) {
    // A link to an installed file would be written through.
    if (replaced.has(extensionOf(name))) continue;
    const from = join(installed, name);
    if (creatableByPostgres.includes(name)) {
      await writeFile(join(to, name), `${await readFile(from, "utf8")}\ntrusted = true\n`);
    } else if (engine.place === "copy") await copyFile(from, join(to, name));
    else await symlink(from, join(to, name));
  }
  for (const name of own) await copyFile(new URL(name, folder), join(to, name));
  if (engine.name === "embedded") await unpackPgtap(to);
}

/** Of which extension a file is: `pg_net--0.20.0.sql` and `pg_net.control` of `pg_net`. */
const extensionOf = (file: string) => file.replace(/(--.*)?\.(sql|control)$/, "");

/** pgTAP is SQL only, so the copy made for PGlite serves a real server as well. */
async function unpackPgtap(to: string): Promise<void> {
  const main = createRequire(import.meta.url).resolve("@electric-sql/pglite-pgtap");
  const { success, stderr } = await new Deno.Command("tar", {
    args: [
      "-xzf",
      join(dirname(main), "pgtap.tar.gz"),
      "-C",
      to,
      "--strip-components=3",
      "share/postgresql/extension",
    ],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`pgTAP: ${new TextDecoder().decode(stderr)}`);
}
