import type { Platform } from "../../platform/platform.ts";
import { runDenoTest } from "./deno-test.ts";
import { listFiles } from "./files.ts";
import { failIfEmpty } from "./report.ts";
import type { SectionResult } from "./report.ts";

/** Folders of tests that live in rolled-back transactions of a migrated, empty database. */
export const bookFolders = ["dev/test/cases", "dev/test/properties", "dev/test/year"];

/** Runs the worked cases, the properties and the year; they find the database in DATABASE_URL. */
export async function runBooks(platform: Platform, filter: string): Promise<SectionResult> {
  const files = (await Promise.all(bookFolders.map((folder) => listFiles(folder, ".test.ts"))))
    .flat();
  return failIfEmpty(
    await runDenoTest("current", files.filter((file) => file.includes(filter)), {
      DATABASE_URL: platform.urls.database,
    }),
  );
}
