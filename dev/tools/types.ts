import { writeDatabaseTypes } from "./database-types.ts";
import { startPlatform } from "../platform/platform.ts";

// `npm run types`: writes shared/database.types.ts from the migrations.
const platform = await startPlatform({ engine: "embedded" });
try {
  console.log(`Wrote ${await writeDatabaseTypes(platform.urls.database)}`);
} finally {
  await platform.stop();
}
