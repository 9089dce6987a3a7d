/** What the command lines know of the platform that `npm start` brings up from this checkout. */
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";

const checkout = fileURLToPath(new URL("..", import.meta.url));

/** Where a platform that runs says how to reach it: variables, for a shell and for `cli/`. */
export const RUNNING_FILE = join(checkout, ".local", "platform.env");

/** The developer's own variables of functions, which git ignores. */
export const FUNCTION_ENV_FILE = join(checkout, "supabase", "functions", ".env");

/** The secret key of every local platform. It is the same on every machine and opens nothing else. */
export const LOCAL_SECRET_KEY = "sb_secret_local_platform_default_0000000";

/** The variables of the platform that runs from this checkout; none where none does. */
export async function readRunning(path = RUNNING_FILE): Promise<Record<string, string>> {
  const variables = await readVariables(path);
  return isAlive(Number(variables["PLATFORM_PID"])) ? variables : {};
}

/** The variables of a file such as `.env`; none where there is no such file. */
export async function readVariables(path: string): Promise<Record<string, string>> {
  try {
    return Object.fromEntries(
      Object.entries(parseEnv(await Deno.readTextFile(path))).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]]
      ),
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
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
