import { parseArgs } from "node:util";
import { runInN8n } from "./run.ts";

// npm run n8n                          with the n8n on PATH: npm install --global n8n, on its Node
// npm run n8n -- --program PATH        with another one

const { values } = parseArgs({
  args: Deno.args,
  options: {
    engine: { type: "string", default: "embedded" },
    program: { type: "string", default: "n8n" },
  },
});
const { engine, program } = values;
if (engine !== "embedded" && engine !== "debian") {
  console.error("usage: npm run n8n -- [--program PATH] [--engine embedded|debian]");
  Deno.exit(2);
}
const version = await versionOf(program);
if (version === null) {
  console.error(`${program} does not run here: nothing was tried. See docs/n8n.md.`);
  Deno.exit(2);
}
console.log(`The workflows of n8n/ in n8n ${version}`);
const problems = await runInN8n(engine, program, (line) => console.log(line));
console.log(problems.length === 0 ? "All as it must be." : `${problems.length} not as it must be.`);
Deno.exit(problems.length === 0 ? 0 : 1);

/** Null where the program is not there, or does not run on the Node that is. */
async function versionOf(program: string): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(program, {
      args: ["--version"],
      stdin: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
