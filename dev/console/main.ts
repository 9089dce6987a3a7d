import process from "node:process";
import { buildConsole } from "./build.ts";
import { targetProblem } from "./target.ts";

// `npm run console`: writes out/console for the project that SUPABASE_URL and
// SUPABASE_PUBLISHABLE_KEY name: files for any static host.
const { SUPABASE_URL: url, SUPABASE_PUBLISHABLE_KEY: publishableKey } = process.env;
if (url === undefined || publishableKey === undefined) {
  console.error("SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY say which project the console asks");
  process.exit(2);
}
const problem = targetProblem({ url, publishableKey });
if (problem !== null) {
  console.error(problem);
  process.exit(2);
}
const { firstLoad } = await buildConsole("out/console", { url, publishableKey });
console.log(`Wrote out/console: ${(firstLoad / 1000).toFixed(1)} kB at first load`);
