import { join } from "node:path";
import { repositoryRoot } from "../platform/repository.ts";
import { coverageOf, uncounted } from "../test/runner/coverage.ts";
import { listFiles } from "../test/runner/files.ts";

// npm run coverage           the whole suite on the npm engine, then which lines have run
// npm run coverage -- unit   one stage of it; the share then says little

const LEAST_PERCENT = 90;
const folders = ["shared", "supabase/functions", "cli", "dev"];

const directory = await Deno.makeTempDir({ prefix: "coverage-" });
try {
  const run = (args: string[], env: Record<string, string> = {}) =>
    new Deno.Command(Deno.execPath(), {
      args,
      cwd: repositoryRoot,
      env: { ...env, NO_COLOR: "1" },
      stdout: args[0] === "coverage" ? "piped" : "inherit",
      stderr: "inherit",
    });
  const suite = ["run", "--allow-all", "--config=deno.json", "dev/test/main.ts"];
  const stages = Deno.args.length > 0 ? Deno.args : ["unit", "books", "e2e"];
  let green = true;
  for (const stage of stages) {
    const { success } = await run([...suite, stage, "--engine", "embedded"], {
      DENO_COVERAGE_DIR: directory,
    }).output();
    green &&= success;
  }
  const files = (await Promise.all(folders.map((folder) => listFiles(folder, ".ts")))).flat()
    .filter((file) => !uncounted(file));
  // The hosted Deno shares the cache of compiled modules and leaves its own in it.
  await run(["cache", "--config=deno.json", ...files]).output();
  const { stdout } = await run(["coverage", directory, "--lcov"]).output();
  const sources = await Promise.all(files.map(async (file) => ({
    file,
    text: await Deno.readTextFile(join(repositoryRoot, file)),
  })));
  const { lines, percent } = coverageOf(new TextDecoder().decode(stdout), sources);
  for (const line of lines) console.log(line);
  console.log(`\n${percent.toFixed(1)} % of the lines have run; ${LEAST_PERCENT} % must.`);
  Deno.exitCode = green && percent >= LEAST_PERCENT ? 0 : 1;
} finally {
  await Deno.remove(directory, { recursive: true });
}
