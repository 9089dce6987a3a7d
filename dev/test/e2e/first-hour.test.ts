import { deepStrictEqual, match, ok } from "node:assert/strict";
import { parseEnv } from "node:util";
import { repositoryRoot } from "../../platform/repository.ts";
import { RUNNING_FILE } from "../../../cli/local-platform.ts";
import { linesOf } from "../../platform/text-lines.ts";
import { pageBlocks, runShell } from "../support/page.ts";
import { platform } from "../support/platform-env.ts";

/** The first day of last month, as the page asks for. */
function lastMonth(): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1, 1)).toISOString()
    .slice(0, 10);
}

/** Runs `npm start` as the page says, on this suite's engine, until `work` is done. */
async function whileStarted(work: () => Promise<void>): Promise<void> {
  const child = new Deno.Command("npm", {
    args: ["start", "--", "--engine", platform.engine],
    cwd: repositoryRoot,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const ready = Promise.withResolvers<void>();
  void (async () => {
    for await (const line of linesOf(child.stdout)) {
      if (line.includes("Ctrl-C stops everything")) ready.resolve();
    }
    ready.reject(new Error("npm start has ended"));
  })();
  try {
    await ready.promise;
    await work();
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

Deno.test("docs/first-hour.md: from nothing to an invoice in the inbox, command by command", async () => {
  const blocks = await pageBlocks("first-hour.md");
  const answers = blocks.find(({ kind }) => kind === "text")?.text.replace("START", lastMonth());
  const shells = blocks.filter(({ kind }) => kind.startsWith("sh"));
  deepStrictEqual(shells.slice(0, 4).map(({ kind }) => kind), [
    "sh start",
    "sh env",
    "sh init",
    "sh key",
  ]);
  await whileStarted(async () => {
    const variables = parseEnv(await Deno.readTextFile(RUNNING_FILE));
    const env: Record<string, string> = {};
    // The variables that a reader's shell has by then.
    for (const [name, value] of Object.entries(variables)) env[name] = value ?? "";
    const printed: string[] = [];
    for (const { kind, text } of shells) {
      if (kind === "sh start") continue;
      if (kind === "sh key") {
        env.AGENT_KEY = /export AGENT_KEY=(lea_\S+)/.exec(printed.at(-1) ?? "")?.[1] ?? "";
        ok(env.AGENT_KEY !== "", printed.at(-1));
        continue;
      }
      const given = kind === "sh init" ? answers : "";
      printed.push(await runShell(text, env, given));
      const day = /^DAY=.*$/m.exec(text)?.[0];
      if (day !== undefined) env.DAY = (await runShell(`${day}\necho "$DAY"`)).trim();
    }
    const all = printed.join("\n");
    match(all, /Acme Robotics is client acme, billed from \d{4}-\d\d-01 on/);
    // The preview of a month without usage is its minimum.
    match(all, /Minimum monthly charge[^]*Total +50\.00 USD/);
    match(all, /"inserted":1/);
    match(all, /Total +89\.50 USD/);
    match(all, /Total 89\.50 USD\nBlocked months: none/);
    match(all, /INV-\d{4}-000001 +Acme Robotics[^]*89\.50 USD/);
    // The worker of the minute may have begun just before: then the mail is a moment later.
    let inbox = printed.at(-1) ?? "";
    for (let look = 0; look < 40 && !inbox.includes("ap@acme.example"); look++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      inbox = await runShell(shells.at(-1)?.text ?? "", env);
    }
    match(inbox, /ap@acme\.example/);
    match(inbox, /INV-\d{4}-000001[^]*\.pdf/);
  });
});
