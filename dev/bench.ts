import { measureWebhook } from "./bench/webhook.ts";
import { startPlatform } from "./platform/platform.ts";

// npm run bench            measures on a fresh platform; numbers are of this machine, now
// npm run bench -- 5000    with so many webhook events

const events = Number(Deno.args[0] ?? 2000);
const platform = await startPlatform({ engine: "embedded" });
try {
  const { webhook, bareInsert } = await measureWebhook(platform, events);
  console.log(`webhook: verified and stored   ${webhook} events/s`);
  console.log(`webhook: bare handler, insert  ${bareInsert} events/s`);
  console.log(`webhook: share of the bare     ${Math.round(100 * webhook / bareInsert)} %`);
} finally {
  await platform.stop();
}
Deno.exit(0);
