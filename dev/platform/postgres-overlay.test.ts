import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import type { Engine } from "./postgres-engine.ts";
import { buildOverlay } from "./postgres-overlay.ts";

Deno.test("the stand-in for pg_net takes the place of an installed one, which is not touched", async () => {
  const folder = await Deno.makeTempDir();
  const root = join(folder, "installed");
  const extensions = join(root, "share", "extension");
  for (const name of ["bin", "lib", "share/extension"]) {
    await Deno.mkdir(join(root, name), { recursive: true });
  }
  for (const name of ["postgres", "initdb", "pg_ctl"]) {
    await Deno.writeTextFile(join(root, "bin", name), "");
  }
  const theirs = ["pg_net.control", "pg_net--0.20.4.sql", "pg_trgm.control"];
  for (const name of theirs) {
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
  };
  const { bin } = await buildOverlay(engine, join(folder, "private"));
  const built = join(bin, "..", "share", "extension");
  for (const name of theirs) {
    strictEqual(await Deno.readTextFile(join(extensions, name)), "theirs", name);
  }
  strictEqual((await Deno.readTextFile(join(built, "pg_net.control"))).includes("theirs"), false);
  strictEqual(await Deno.readTextFile(join(built, "pg_trgm.control")), "theirs");
  const names = (await Array.fromAsync(Deno.readDir(built))).map(({ name }) => name);
  deepStrictEqual(names.filter((name) => name === "pg_net--0.20.4.sql"), [], "no way to theirs");
  await Deno.remove(folder, { recursive: true });
});
