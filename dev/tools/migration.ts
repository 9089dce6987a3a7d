import { writeMigration } from "./schema/rooms.ts";

// `npm run migration`: writes the migration of this release from supabase/schemas.
console.log(`Wrote ${await writeMigration()}`);
