/**
 * An agent of its own process, for tests of how it ends: logs as many calls as it is told to, says
 * so, and ends by itself or, with `stay`, when it is told to.
 *
 *     deno run -A dev/test/support/logging-agent.ts <api url> <key> <agent> <calls> [stay]
 */
import process from "node:process";
import { createClient } from "@supabase/supabase-js";
import { billingClient } from "../../../shared/client/billing-client.ts";
import { flushOnExit } from "../../../shared/client/flush-on-exit.ts";
import { usageLogger } from "../../../shared/client/usage-logger.ts";

const [url = "", key = "", agent = "", calls = "0", stay] = process.argv.slice(2);
const logger = usageLogger({
  billing: billingClient(createClient(url, key)),
  now: () => new Date(),
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds);
    timer.unref?.();
    return () => clearTimeout(timer);
  },
}, { flushEvery: 3_600_000 });
flushOnExit(logger, process);
for (let call = 0; call < Number(calls); call++) {
  logger.log({ agent, model: "claude-sonnet", input_tokens: 1 });
}
console.log("logged");
if (stay) setInterval(() => {}, 1000);
