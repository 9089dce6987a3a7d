import packageJson from "../../package.json" with { type: "json" };
import { recordRelease } from "./upgrade/release.ts";

// `npm run release:record`: writes this version's migrations down, as what is upgraded from now on.
console.log(`Wrote ${await recordRelease(packageJson.version)}`);
