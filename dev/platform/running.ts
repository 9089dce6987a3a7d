import { dirname, join } from "node:path";
import process from "node:process";
import { parseEnv } from "node:util";
import type { Platform } from "./platform.ts";
import { repositoryRoot } from "./repository.ts";

/** Where a platform that runs says how to reach it: variables, for a shell and for `cli/`. */
export const RUNNING_FILE = join(repositoryRoot, ".local", "platform.env");

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
    if (await readText(path) === content) await Deno.remove(path);
  };
}

/** The variables of the platform that runs from this checkout; none where none does. */
export async function readRunning(path = RUNNING_FILE): Promise<Record<string, string>> {
  const variables = parseEnv(await readText(path));
  return isAlive(Number(variables.PLATFORM_PID))
    ? Object.fromEntries(
      Object.entries(variables).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]]
      ),
    )
    : {};
}

/** One that was killed outright has left its file. */
function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
