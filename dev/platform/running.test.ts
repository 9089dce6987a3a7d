import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { readRunning } from "../../cli/local-platform.ts";
import { announceRunning } from "./running.ts";
import { platformKeys } from "./keys.ts";
import type { Platform } from "./platform.ts";

const urls = {
  api: "http://127.0.0.1:15001",
  database: "postgresql://postgres:postgres@127.0.0.1:15002/postgres",
  databaseAdmin: "postgresql://x",
  mail: "http://127.0.0.1:15003",
  smtp: "smtp://127.0.0.1:15004",
};
const running: Platform = {
  engine: "embedded",
  keys: platformKeys,
  urls,
  functionLog: () => [],
  kill: { database: () => Promise.resolve(), function: () => Promise.resolve(false) },
  stop: () => Promise.resolve(),
};

Deno.test("a running platform is found by its file until it ends", async () => {
  const directory = await Deno.makeTempDir();
  const path = join(directory, "local", "platform.env");
  deepStrictEqual(await readRunning(path), {});
  const conceal = await announceRunning(running, path);
  const found = await readRunning(path);
  strictEqual(found.SUPABASE_URL, urls.api);
  strictEqual(found.SUPABASE_AGENT_KEY, platformKeys.agentSecret);
  // Another platform has been started since: its file stays.
  const other = { ...running, urls: { ...urls, api: "http://127.0.0.1:15009" } };
  const concealOther = await announceRunning(other, path);
  await conceal();
  strictEqual((await readRunning(path)).SUPABASE_URL, "http://127.0.0.1:15009");
  await concealOther();
  deepStrictEqual(await readRunning(path), {});
  await Deno.remove(directory, { recursive: true });
});

Deno.test("the file of a platform that was killed is not believed", async () => {
  const path = await Deno.makeTempFile();
  const ended = new Deno.Command("true").spawn();
  await ended.status;
  for (const pid of [String(ended.pid), "", "0", "-1", "x"]) {
    await Deno.writeTextFile(path, `SUPABASE_URL="http://127.0.0.1:1"\nPLATFORM_PID="${pid}"\n`);
    deepStrictEqual(await readRunning(path), {}, pid);
  }
  await Deno.writeTextFile(path, `PLATFORM_PID="${process.pid}"\n`);
  deepStrictEqual(Object.keys(await readRunning(path)), ["PLATFORM_PID"]);
  await Deno.remove(path);
});
