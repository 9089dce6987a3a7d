import { databaseTypesAreCurrent } from "../../tools/database-types.ts";
import { staleRegistries } from "../../tools/registries.ts";
import { startPlatform } from "../../platform/platform.ts";
import type { EngineName } from "../../platform/postgres-engine.ts";
import { runBooks } from "./books.ts";
import { adviseDatabase, lintDatabase } from "./database.ts";
import { runEndToEnd } from "./e2e.ts";
import { runPgtap } from "./pgtap.ts";
import type { Report } from "./report.ts";
import { checkDependencies } from "../checks/rooms.ts";
import { checkApplied, checkSchema } from "./schema.ts";

export interface EngineRun {
  engine: EngineName;
  /** All engines of this run, `engine` among them. */
  engines: readonly EngineName[];
  wanted: (stage: string) => boolean;
  fileFilter: string;
  report: Report;
}

/** Runs everything that needs a database, on one platform. pgTAP first: it leaves no rows. */
export async function runOnEngine({ engine, engines, wanted, fileFilter, report }: EngineRun) {
  const title = (name: string) => `${name}, PostgreSQL (${engine})`;
  const platforms: Awaited<ReturnType<typeof startPlatform>>[] = [];
  await report.section(title("migrations apply as postgres, no superuser"), async () => {
    // The access matrix makes more unauthenticated requests than the limit allows.
    const started = await startPlatform({
      engine,
      env: { UNAUTHENTICATED_REQUESTS_PER_MINUTE: "1000000" },
    });
    platforms.push(started);
    return await checkApplied(started.urls.database);
  });
  const [platform] = platforms;
  if (platform === undefined) return;
  try {
    if (wanted("database")) {
      await report.section(
        title("a fresh build is what dev/tools/schema says"),
        () => checkSchema(platform.urls.database, engine),
      );
      await report.section(
        title("rooms use only those below them"),
        () => checkDependencies(platform.urls.database),
      );
      // The same migrations give the same types on both; the newer engine is the hosted one.
      if (engine === "embedded") {
        await report.section("generated types are current", async () => {
          const current = await databaseTypesAreCurrent(platform.urls.database);
          const stale = await staleRegistries(platform.urls.database);
          if (!current) stale.push("shared/database.types.ts");
          const details = stale.map((path) => `${path} is stale: run \`npm run types\``);
          return { passed: stale.length === 0 ? 1 : 0, failed: stale.length, details };
        });
      }
      if (engine === "debian") {
        await report.section(title("database lint"), () => lintDatabase(platform.urls.database));
      }
      await report.section(title("advisors"), () => adviseDatabase(platform.urls.database));
    }
    if (wanted("pgtap")) {
      await report.section(title("pgTAP"), () => runPgtap(platform.urls.database, fileFilter));
    }
    if (wanted("books")) {
      await report.section(
        title("worked cases, properties, a year"),
        () => runBooks(platform, fileFilter),
      );
    }
    if (wanted("e2e")) {
      await report.section(title("end to end"), () => runEndToEnd(platform, fileFilter, engines));
    }
  } finally {
    await platform.stop();
  }
}
