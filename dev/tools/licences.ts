import { join } from "node:path";
import { licencesPage } from "./licences-page.ts";
import { repositoryRoot } from "../platform/repository.ts";

// `npm run licences`: writes docs/licences.md from the lock files.
const path = join(repositoryRoot, "docs", "licences.md");
await Deno.writeTextFile(path, await licencesPage());
console.log(`Wrote ${path}`);
