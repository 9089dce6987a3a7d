import { deepStrictEqual, match, ok } from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { bundle, bundleFunctions } from "../../platform/bundle.ts";
import { denoBinary } from "../../platform/deno-binary.ts";
import { hostedEnv } from "../../platform/function-env.ts";
import { serveFunctions } from "../../platform/functions.ts";
import { startGuard } from "../../platform/guard.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { platform } from "../support/platform-env.ts";

Deno.test("bundling downloads nothing: the bundler is one of the pinned packages", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const file = join(directory, "index.ts");
    await bundle(join(repositoryRoot, "supabase/functions/stripe-webhook/index.ts"), file, {
      DENO_DIR: join(directory, "deno"),
      NPM_CONFIG_REGISTRY: "http://127.0.0.1:9",
    });
    ok((await Deno.stat(file)).size > 100_000);
  } finally {
    await rm(directory, { recursive: true });
  }
});

Deno.test("every function fits into one small file that needs no package and runs as hosted", async () => {
  const folder = join("out", `bundle-${crypto.randomUUID()}`);
  const guard = startGuard();
  try {
    const bundles = await bundleFunctions(folder);
    const directory = join(repositoryRoot, folder, "supabase", "functions");
    const served = bundles.map(({ name }) => [name, { enabled: true, verify_jwt: false }]);
    const functions = serveFunctions(Object.fromEntries(served), {
      directory,
      deno: "hosted",
      env: hostedEnv(platform.apiUrl, platform.databaseUrl),
      guard,
    });
    try {
      for (const { name, bytes } of bundles) {
        ok(bytes < 5e6, `${name} has ${bytes} bytes`);
        const imported = await importsOf(join(directory, name, "index.ts"));
        deepStrictEqual(imported.filter((from) => !from.startsWith("node:")), [], name);
        const response = await functions.fetch(
          new Request(`${platform.apiUrl}/functions/v1/${name}`, { method: "POST", body: "{}" }),
        );
        // Without Stripe's keys its functions say that Stripe is off.
        ok([400, 401, 503].includes(response.status), `${name}: ${response.status}`);
        match(await response.text(), /"(code|message)"/);
      }
    } finally {
      await functions.stop();
    }
  } finally {
    await guard.stop();
    await rm(join(repositoryRoot, folder), { recursive: true, force: true });
  }
});

const graph = z.object({
  modules: z.array(z.object({
    dependencies: z.array(z.object({ specifier: z.string() })).default([]),
  })),
});

/** What a module imports, as Deno reads it. */
async function importsOf(file: string): Promise<string[]> {
  const { stdout } = await new Deno.Command(denoBinary("current"), {
    args: ["info", "--json", "--no-config", file],
  }).output();
  const { modules } = graph.parse(JSON.parse(new TextDecoder().decode(stdout)));
  return modules.flatMap(({ dependencies }) => dependencies.map(({ specifier }) => specifier));
}
