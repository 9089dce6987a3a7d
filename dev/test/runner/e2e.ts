import type { Platform } from "../../platform/platform.ts";
import type { EngineName } from "../../platform/postgres-engine.ts";
import { runDenoTest } from "./deno-test.ts";
import { listFiles } from "./files.ts";
import { filesOf } from "./once.ts";
import { failIfEmpty } from "./report.ts";
import type { SectionResult } from "./report.ts";

/**
 * Runs dev/test/e2e against a running platform; the tests learn of it from the environment.
 * `engines` are all that this run of the suite uses: some files run on one of them only.
 */
export async function runEndToEnd(
  platform: Platform,
  filter: string,
  engines: readonly EngineName[],
): Promise<SectionResult> {
  const files = filesOf(
    platform.engine,
    engines,
    await listFiles("dev/test/e2e", ".test.ts"),
  );
  const result = await runDenoTest("current", files.filter((file) => file.includes(filter)), {
    PLATFORM_ENGINE: platform.engine,
    PLATFORM_API_URL: platform.urls.api,
    PLATFORM_DATABASE_URL: platform.urls.database,
    PLATFORM_DATABASE_ADMIN_URL: platform.urls.databaseAdmin,
    PLATFORM_MAIL_URL: platform.urls.mail,
    PLATFORM_SMTP_URL: platform.urls.smtp,
    PLATFORM_PUBLISHABLE_KEY: platform.keys.publishable,
    PLATFORM_SECRET_KEY: platform.keys.secret,
  });
  const log = platform.functionLog();
  // Before the tests' own output, so that what has failed stands last.
  if (result.failed > 0 && log.length > 0) result.details.unshift("Functions printed:", ...log);
  // A filter may name a file that runs on the other engine.
  return filter !== "" && engines.length > 1 ? result : failIfEmpty(result);
}
