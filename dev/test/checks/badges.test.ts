import { deepStrictEqual } from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { repositoryRoot } from "../../platform/repository.ts";

const Package = z.object({
  license: z.string(),
  devDependencies: z.record(z.string(), z.string()),
});
const read = (...path: string[]) => Deno.readTextFile(join(repositoryRoot, ...path));

Deno.test("the badges of the README are true", async () => {
  const { license, devDependencies } = Package.parse(JSON.parse(await read("package.json")));
  const engines = await read("dev", "platform", "postgres-engine.ts");
  const majors = [...engines.matchAll(/`\w+`: PostgreSQL (\d+)/g)].map(([, major]) => major);
  const denos = ["deno-hosted", "deno"].map((name) =>
    devDependencies[name]?.replace("npm:deno@", "")
  );
  const expected = {
    "Licence": license,
    "PostgreSQL": majors.toSorted().join(", "),
    "Deno": denos.join(", "),
  };
  const badges = [...(await read("README.md")).matchAll(
    /!\[(\w+): ([^\]]+)\]\(https:\/\/img\.shields\.io\/badge\/([^)]+)-blue\)/g,
  )];
  deepStrictEqual(Object.fromEntries(badges.map(([, name, value]) => [name, value])), expected);
  for (const [, name = "", value, image = ""] of badges) {
    const shown = decodeURIComponent(image).replaceAll("--", "\0").split("-");
    deepStrictEqual(shown.map((part) => part.replaceAll("\0", "-")).slice(1), [value], name);
  }
});
