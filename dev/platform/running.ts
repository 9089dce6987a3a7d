import { dirname } from "node:path";
import process from "node:process";
import { RUNNING_FILE } from "../../cli/local-platform.ts";
import type { Platform } from "./platform.ts";

/** What the file holds. */
export function describeRunning({ keys, urls }: Platform): string {
  const variables = {
    SUPABASE_URL: urls.api,
    SUPABASE_FUNCTIONS_URL: `${urls.api}/functions/v1`,
    SUPABASE_DB_URL: urls.database,
    SUPABASE_PUBLISHABLE_KEY: keys.publishable,
    SUPABASE_SECRET_KEY: keys.secret,
    SUPABASE_CRON_KEY: keys.cronSecret,
    SUPABASE_AGENT_KEY: keys.agentSecret,
    CAUGHT_MAIL_URL: urls.mail,
    CAUGHT_SMTP_URL: urls.smtp,
    PLATFORM_PID: String(process.pid),
  };
  return Object.entries(variables).map(([name, value]) => `${name}="${value}"\n`).join("");
}

/** Writes the file; returns what removes it, unless another platform has written it meanwhile. */
export async function announceRunning(
  platform: Platform,
  path = RUNNING_FILE,
): Promise<() => Promise<void>> {
  const content = describeRunning(platform);
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, content, { mode: 0o600 });
  return async () => {
    const found = await Deno.readTextFile(path).catch(() => undefined);
    if (found === content) await Deno.remove(path);
  };
}
