import { startPlatform } from "../platform/platform.ts";
import { writeSchema } from "./schema/dump.ts";

// `npm run schema`: writes dev/tools/schema/<room>.txt from the migrations.
const platform = await startPlatform({ engine: "embedded" });
try {
  console.log(`Wrote ${await writeSchema(platform.urls.database)}`);
} finally {
  await platform.stop();
}
