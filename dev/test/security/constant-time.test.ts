import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";

// Measured times tell nothing on a busy machine. The code that compares is read instead: two
// packages do, at the versions that are pinned; nothing of ours does.

Deno.test("comparing keys or signatures takes the same time for right and wrong ones", async () => {
  const server = await packageText("@supabase/server/dist", /^verify-auth.*\.mjs$/);
  // Once for each way to give a key: publishable and secret, any name and one.
  strictEqual(server.match(/await timingSafeEqual\(credentials\.apikey, value\)/g)?.length, 4);
  deepStrictEqual(server.match(/credentials\.apikey\s*[!=]==?\s*(?!null|undefined)/g) ?? [], []);

  match(
    await packageText("stripe/esm", /^Webhooks\.js$/),
    /details\.signatures\.filter\(platformFunctions\.secureCompare\.bind/,
  );
  match(
    await packageText("stripe/esm/platform", /^PlatformFunctions\.js$/),
    /result \|= a\.charCodeAt\(i\) \^ b\.charCodeAt\(i\);/,
  );
});

Deno.test("the signature of a job's call is compared in constant time, and so is its body", async () => {
  const file = join(repositoryRoot, "supabase/functions/_shared/http/call-signature.ts");
  const text = await Deno.readTextFile(file);
  match(text, /!timingSafeEqual\(expected, Buffer\.from\(digest, "hex"\)\)/);
  strictEqual(text.match(/timingSafeEqual\(/g)?.length, 2);
});

Deno.test("no function compares a secret by itself", async () => {
  const found: string[] = [];
  for (const file of await listFiles("supabase/functions", ".ts")) {
    if (file.endsWith(".test.ts") || file.includes("/fonts/")) continue;
    const text = await Deno.readTextFile(join(repositoryRoot, file));
    const compared = text.match(
      /\b\w*(secret|signature|password|token|apikey)s?\w*\)?\s*[!=]==\s*(?!null|undefined|"")\S+/gi,
    );
    found.push(...(compared ?? []).map((one) => `${file}: ${one}`));
  }
  deepStrictEqual(found, []);
});

/** The text of the one file of a package whose name fits. */
async function packageText(folder: string, name: RegExp): Promise<string> {
  const directory = join(repositoryRoot, "node_modules", folder);
  const fitting = (await Array.fromAsync(Deno.readDir(directory)))
    .filter((entry) => name.test(entry.name));
  strictEqual(fitting.length, 1, `${folder}: ${fitting.map((entry) => entry.name)}`);
  return await Deno.readTextFile(join(directory, fitting[0]?.name ?? ""));
}
