import { deepStrictEqual } from "node:assert/strict";
import { join } from "node:path";
import { readVariables } from "./local-platform.ts";
import { repositoryRoot } from "../dev/platform/repository.ts";

Deno.test("the example of the functions' variables is read once its signs of comment are gone", async () => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, ".env");
  deepStrictEqual(await readVariables(path), {}, "the file may be missing");
  const example = await Deno.readTextFile(
    join(repositoryRoot, "supabase", "functions", ".env.example"),
  );
  await Deno.writeTextFile(path, example.replaceAll(/^#(?=[A-Z_]+=)/gm, ""));
  const variables = await readVariables(path);
  deepStrictEqual(Object.keys(variables).sort(), [
    "BILLING_FROM",
    "HERMES_CHANNEL",
    "HERMES_URL",
    "REPLICA_URL",
    "RESEND_API_KEY",
    "SMTP_URL",
    "STRIPE_API_BASE",
    "STRIPE_API_KEY",
    "STRIPE_WEBHOOK_SECRET",
  ]);
  deepStrictEqual(variables.BILLING_FROM, "Example Ltd <billing@example.com>");
  await Deno.remove(folder, { recursive: true });
});
