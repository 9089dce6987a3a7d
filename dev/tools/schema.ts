import { writeSchema } from "./schema/dump.ts";
import { migrationOf, readSources } from "./schema/rooms.ts";
import { describeMigrations } from "./upgrade/upgrade.ts";

// `npm run schema`: writes dev/tools/schema/<room>.txt from supabase/schemas.
const sources = migrationOf(await readSources());
console.log(`Wrote ${await writeSchema(await describeMigrations({ "1_sources.sql": sources }))}`);
