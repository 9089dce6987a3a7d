import { deepStrictEqual, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { denoBinary } from "../../platform/deno-binary.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });

Deno.test("an agent that comes to its end has sent every call it logged", async () => {
  const agent = `exit-${crypto.randomUUID()}`;
  const status = await run(agent, []).status;
  deepStrictEqual([status.code, status.signal], [0, null]);
  strictEqual(await stored(agent), 250);
});

Deno.test("an agent that is told to end sends what waits, then ends by the signal", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const agent = `${signal}-${crypto.randomUUID()}`;
    const child = run(agent, ["stay"]);
    const output = child.stdout.getReader();
    await output.read();
    child.kill(signal);
    strictEqual((await child.status).signal, signal);
    await output.cancel();
    strictEqual(await stored(agent), 250);
  }
});

function run(agent: string, rest: string[]) {
  const child = new Deno.Command(denoBinary("current"), {
    args: [
      "run",
      "--allow-all",
      "--no-check",
      "--config=deno.json",
      "dev/test/support/logging-agent.ts",
      platform.apiUrl,
      platform.secretKey,
      agent,
      "250",
      ...rest,
    ],
    stdout: "piped",
  }).spawn();
  if (rest.length === 0) void child.stdout.cancel();
  return child;
}

async function stored(agent: string): Promise<number> {
  const rows =
    await sql`select count(*)::int as n from public.agent_usage_logs where agent = ${agent}`;
  return Number(rows[0]?.["n"]);
}
