import { strictEqual } from "node:assert/strict";
import { denoBinary } from "../../platform/deno-binary.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import type { DeliveryWorld } from "./delivery-world.ts";

/**
 * Runs the worker in a process of its own, which must end by the signal that it sends itself.
 * `variables` are set besides the world's.
 */
export async function dieAt(
  death: string,
  { platform, hermes, smtp }: DeliveryWorld,
  variables: Record<string, string> = {},
): Promise<void> {
  const { signal, stderr } = await new Deno.Command(denoBinary("current"), {
    args: [
      "run",
      "--allow-all",
      "--no-check",
      "--config=deno.json",
      "dev/test/support/dying-worker.ts",
    ],
    cwd: repositoryRoot,
    env: {
      ...variables,
      DIE_AT: death,
      SUPABASE_DB_URL: platform.urls.database,
      SUPABASE_URL: platform.urls.api,
      SECRET_KEY: platform.keys.secret,
      HERMES_URL: hermes.url,
      SMTP_URL: smtp.url,
      BILLING_FROM: "LeverEdge Billing <billing@leveredge.test>",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  strictEqual(signal, "SIGKILL", `${death}: ${new TextDecoder().decode(stderr)}`);
}
