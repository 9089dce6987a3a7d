import { writeDatabaseTypes } from "./database-types.ts";
import { writeRegistries } from "./registries.ts";
import { startPlatform } from "../platform/platform.ts";

// `npm run types`: writes shared/database.types.ts and the lists of registries from the migrations.
const platform = await startPlatform({ engine: "embedded" });
try {
  console.log(`Wrote ${await writeDatabaseTypes(platform.urls.database)}`);
  for (const path of await writeRegistries(platform.urls.database)) console.log(`Wrote ${path}`);
} finally {
  await platform.stop();
}
