import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import type { Engine } from "./postgres-engine.ts";
import { buildOverlay } from "./postgres-overlay.ts";

Deno.test("the stand-in for pg_net takes the place of an installed one, which is not touched", () =>
  withOverlay({}, async (installed, built) => {
    for (const name of THEIRS) {
      strictEqual(await Deno.readTextFile(join(installed, name)), "theirs", name);
    }
    strictEqual((await Deno.readTextFile(join(built, "pg_net.control"))).includes("theirs"), false);
    strictEqual(await Deno.readTextFile(join(built, "pg_trgm.control")), "theirs");
    const names = (await Array.fromAsync(Deno.readDir(built))).map(({ name }) => name);
    deepStrictEqual(names.filter((name) => name === "pg_net--0.20.4.sql"), [], "no way to theirs");
  }));

Deno.test("an installed pg_net is used where it is asked for, and is not touched", () =>
  withOverlay({ hasRealNet: true }, async (installed, built) => {
    for (const name of THEIRS) {
      strictEqual(await Deno.readTextFile(join(installed, name)), "theirs", name);
    }
    strictEqual(await Deno.readTextFile(join(built, "pg_net--0.20.4.sql")), "theirs");
    strictEqual(
      await Deno.readTextFile(join(built, "pg_net.control")),
      "theirs\ntrusted = true\n",
    );
    const names = (await Array.fromAsync(Deno.readDir(built))).map(({ name }) => name);
    deepStrictEqual(names.filter((name) => name === "pg_net--0.20.0.sql"), [], "no stand-in");
  }));

const THEIRS = ["pg_net.control", "pg_net--0.20.4.sql", "pg_trgm.control"];

/** Builds a view of an installation and hands over where both keep their extensions. */
async function withOverlay(
  more: Partial<Engine>,
  look: (installed: string, built: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const root = join(folder, "installed");
  const extensions = join(root, "share", "extension");
  for (const name of ["bin", "lib", "share/extension"]) {
    await Deno.mkdir(join(root, name), { recursive: true });
  }
  for (const name of ["postgres", "initdb", "pg_ctl"]) {
    await Deno.writeTextFile(join(root, "bin", name), "");
  }
  for (const name of THEIRS) {
    await Deno.writeTextFile(join(extensions, name), "theirs", { mode: 0o444 });
  }
  const engine: Engine = {
    name: "debian",
    root,
    bin: "bin",
    lib: "lib",
    share: "share",
    place: "link",
    hasRealCron: false,
    ...more,
  };
  const { bin } = await buildOverlay(engine, join(folder, "private"));
  await look(extensions, join(bin, "..", "share", "extension"));
  await Deno.remove(folder, { recursive: true });
}
