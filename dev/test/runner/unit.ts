import type { DenoVersion } from "../../platform/deno-binary.ts";
import { bookFolders } from "./books.ts";
import { runDenoTest } from "./deno-test.ts";
import { listFiles } from "./files.ts";
import { failIfEmpty } from "./report.ts";
import type { SectionResult } from "./report.ts";

/** Tests that need no running platform; on the hosted Deno those of what is deployed. */
export async function runUnitTests(version: DenoVersion, filter: string): Promise<SectionResult> {
  const folders = version === "hosted"
    ? ["shared", "supabase/functions"]
    : ["shared", "supabase/functions", "cli", "console", "dev"];
  const files = (await Promise.all(folders.map((folder) => listFiles(folder, ".test.ts")))).flat();
  const elsewhere = ["dev/test/e2e", ...bookFolders];
  const chosen = files.filter((file) =>
    file.includes(filter) && !elsewhere.some((folder) => file.startsWith(`${folder}/`))
  );
  const result = await runDenoTest(version, chosen);
  // A filter may leave nothing for the second run; nothing at all is a mistake.
  return version === "hosted" && filter !== "" ? result : failIfEmpty(result);
}
