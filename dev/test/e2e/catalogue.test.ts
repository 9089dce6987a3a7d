import { match, strictEqual } from "node:assert/strict";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { z } from "zod";
import { billingCommand } from "../../../cli/billing-command.ts";
import { runCommandLine } from "../../../cli/command-line.ts";
import { progressTo } from "../../../cli/terminal/progress.ts";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { platform } from "../support/platform-env.ts";

const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
const client = billingClient(createClient(platform.apiUrl, platform.secretKey));
const prefix = `map-${crypto.randomUUID()}`;
const directory = await Deno.makeTempDir();

/** A map of 120 models: two requests. */
async function map(input: string): Promise<string> {
  const entry = `{"litellm_provider": "p", "mode": "chat", "output_cost_per_token": 1.5e-05,`;
  const models = Array.from(
    { length: 120 },
    (_, n) => `"${prefix}-${n}": ${entry} "input_cost_per_token": ${n === 7 ? input : "3e-06"}}`,
  );
  const path = `${directory}/${crypto.randomUUID()}.json`;
  await Deno.writeTextFile(path, `{${models.join(",\n")}}`);
  return path;
}

async function run(...args: string[]) {
  const lines: string[] = [];
  const errors: string[] = [];
  const terminal = {
    out: (text: string) => void lines.push(text),
    error: (text: string) => void errors.push(text),
  };
  const command = billingCommand({
    connect: () => client,
    terminal,
    signToken: () => Promise.reject(new Error("no token is asked for")),
    progress: progressTo({ write: () => 0, isTerminal: false, now: () => 0 }),
  });
  const code = await runCommandLine(command, args, terminal);
  return { code, out: lines.join("\n"), errors: errors.join("\n") };
}

const sync = async (path: string) =>
  z.object({ new_models: z.int(), new_prices: z.int(), proposals: z.int() })
    .parse(JSON.parse((await run("prices", "sync", "--file", path, "--json")).out));

Deno.test("a price map is read at a shell, its differences are proposed and decided on", async () => {
  try {
    const first = await map("3e-06");
    strictEqual(JSON.stringify(await sync(first)), counts(120, 240, 0));
    strictEqual(JSON.stringify(await sync(first)), counts(0, 0, 0), "unchanged");
    match((await run("models", `${prefix}-7`)).out, /input_tokens +standard +0\.000003/);

    strictEqual(JSON.stringify(await sync(await map("1.5e-06"))), counts(0, 0, 1), "halved");
    const [proposal] = z.array(z.object({ id: z.string(), model: z.string() })).parse(
      JSON.parse((await run("proposals", "--json")).out),
    ).filter(({ model }) => model === `${prefix}-7`);
    const id = proposal?.id ?? "";
    match((await run("models", `${prefix}-7`)).out, /input_tokens +standard +0\.000003/);
    const accepted = await run("proposals", "accept", id, "announced");
    strictEqual(accepted.errors, "");
    match(accepted.out, /accepted/);
    match((await run("models", `${prefix}-7`)).out, /input_tokens +standard +0\.0000015/);
    const again = await run("proposals", "refuse", id, "too late");
    strictEqual(again.code, 1);
    match(again.errors, /illegal_transition/);
    match((await run("proposals", "refuse", "999999999", "why")).errors, /unknown_proposal/);

    const cut = `${directory}/cut.json`;
    await Deno.writeTextFile(cut, (await Deno.readTextFile(first)).slice(0, 5000));
    const refused = await run("prices", "sync", "--file", cut);
    strictEqual(refused.code, 1);
    match(refused.errors, /cannot be read.*Nothing was changed/);

    const known = `${prefix}-7`;
    match((await run("models", `p/${known}`)).out, new RegExp(`${known} +p +without its provider`));
    const other = `${directory}/models-dev.json`;
    // More than what other tests know of this source: fewer would look cut off.
    const listed = Object.fromEntries(
      ["m", ...Array.from({ length: 39 }, (_, n) => `m${n}`)].map((name) => [name, {
        cost: { input: 3 },
      }]),
    );
    await Deno.writeTextFile(other, JSON.stringify({ [prefix]: { models: listed } }));
    const from = ["prices", "sync", "--source", "models.dev", "--file", other, "--json"];
    const synced = await run(...from);
    strictEqual(synced.errors, "");
    match(synced.out, /"new_models": 40/);
    match((await run("models", `${prefix}/m`)).out, /input_tokens +standard +0\.000003/);

    const elsewhere = ["prices", "source", "openrouter", "--url", "http://127.0.0.1:9/models"];
    match((await run(...elsewhere)).out, /openrouter +false/);
    match((await run("prices", "sources")).out, /127\.0\.0\.1:9/);
    const away = await run("prices", "sync", "--source", "openrouter");
    strictEqual(away.code, 1);
    match(away.errors, /does not answer.*Nothing was changed/s);
    match((await run("prices", "source", "openrouter", "--url", "http://x.test/")).errors, /https/);
    const fresh = [
      "prices",
      "source",
      "openrouter",
      "--url",
      "https://openrouter.ai/api/v1/models",
    ];
    strictEqual((await run(...fresh)).code, 0);
    match((await run("prices", "policy", "follow", "--json")).out, /"policy": "follow"/);
    match((await run("prices", "policy", "decide", "--json")).out, /"policy": "decide"/);
    strictEqual((await run("prices", "policy", "guess")).code, 2);
  } finally {
    await sql.end();
    await Deno.remove(directory, { recursive: true });
  }
});

function counts(new_models: number, new_prices: number, proposals: number): string {
  return JSON.stringify({ new_models, new_prices, proposals });
}
