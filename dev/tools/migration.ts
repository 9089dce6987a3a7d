import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { repositoryRoot } from "../platform/repository.ts";
import { listFiles } from "../test/runner/files.ts";
import { draftOf } from "./schema/next.ts";
import { writeFirstMigration } from "./schema/rooms.ts";
import { recordedReleases } from "./upgrade/release.ts";
import { missing } from "./upgrade/missing.ts";

// `npm run migration`: until a release is recorded, writes its migration from supabase/schemas. After
// it, drafts the migration of the version in package.json: what the sources say and no migration
// makes yet. A draft is never written over; the rest is printed.
const released = (await recordedReleases()).map(({ version }) => version);
if (released.length === 0) console.log(`Wrote ${await writeFirstMigration()}`);
else if (released.includes(packageJson.version)) {
  console.error(`${packageJson.version} is released: raise the version in package.json first`);
  Deno.exit(1);
} else await draft(packageJson.version);

async function draft(version: string): Promise<void> {
  const next = await missing();
  if (next.statements.length + next.byHand.length === 0) {
    console.log("The migrations make what supabase/schemas says.");
    return;
  }
  const text = draftOf(next);
  const suffix = `_release_${version.replaceAll(".", "_")}.sql`;
  const existing = (await listFiles("supabase/migrations", ".sql"))
    .find((file) => file.endsWith(suffix));
  if (existing !== undefined) {
    console.log(`${existing} does not do this yet:\n\n${text}`);
    return;
  }
  const stamp = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
  const file = `supabase/migrations/${stamp}${suffix}`;
  await Deno.writeTextFile(join(repositoryRoot, file), text, { createNew: true });
  console.log(`Drafted ${file}: read it, and write what is to be done by hand.`);
}
