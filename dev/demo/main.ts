import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { progressTo } from "../../cli/terminal/progress.ts";
import { differenceReport, monthReport } from "./report.ts";
import { type DemoResult, runDemo } from "./run.ts";
import { stripeReport } from "./stripe.ts";
import { type Platform, startPlatform } from "../platform/platform.ts";
import { repositoryRoot } from "../platform/repository.ts";
import { startStripe } from "../standins/stripe/server.ts";
import { stopRequested } from "../platform/stop-signal.ts";

// npm run demo                      a month of agents' usage becomes invoices in out/demo
// npm run demo -- --engine debian   the same on Debian's PostgreSQL 15
// npm run demo -- --out FOLDER      writes there; earlier content goes
//
// Exits with 0 when an independent computation agrees with every invoice and Stripe (a stand-in)
// with the books, 1 when not or something failed, 130 when interrupted.

const { values } = parseArgs({
  args: Deno.args,
  options: {
    engine: { type: "string", default: "embedded" },
    out: { type: "string", default: join("out", "demo") },
    help: { type: "boolean" },
  },
});
if (values.help || (values.engine !== "embedded" && values.engine !== "debian")) {
  console.log("usage: npm run demo -- [--engine embedded|debian] [--out FOLDER]");
  Deno.exit(values.help ? 0 : 2);
}

const engine = values.engine;
const started = performance.now();
const platforms: Platform[] = [];
const progress = progressTo({
  write: (text) => Deno.stdout.writeSync(new TextEncoder().encode(text)),
  isTerminal: Deno.stdout.isTerminal(),
  now: () => performance.now(),
});
const stripe = startStripe({ secretKey: "sk_test_demo" });
const webhookSecret = "whsec_demo";
const interrupted = stopRequested().then(() => 130);
const code = await Promise.race([demo(), interrupted]);
for (const platform of platforms) await platform.stop();
await stripe.stop();
Deno.exit(code);

async function demo(): Promise<number> {
  try {
    const platform = await progress.step("Local platform, migrated", async () => {
      const started = await startPlatform({
        engine,
        ports: "standard",
        env: {
          STRIPE_API_KEY: "sk_test_demo",
          STRIPE_API_BASE: stripe.url,
          STRIPE_WEBHOOK_SECRET: webhookSecret,
        },
      });
      platforms.push(started);
      stripe.sendWebhooksTo({
        url: `${started.urls.api}/functions/v1/stripe-webhook`,
        secrets: [webhookSecret],
      });
      return [started.urls.api, started];
    });
    const folder = resolve(repositoryRoot, values.out);
    return conclude(await runDemo(platform, stripe, folder, progress));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    for (const line of platforms.flatMap((platform) => platform.functionLog())) console.error(line);
    return 1;
  }
}

/** Prints the result; the exit code says whether both computations agree. */
function conclude({ month, stripe: collected, verification }: DemoResult): number {
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`\n${monthReport(month)}\n${stripeReport(collected)}\n`);
  if (verification.differences.length > 0) {
    console.error("An independent computation from the raw rows DISAGREES:\n");
    console.error(differenceReport(verification.differences));
    return 1;
  }
  if (collected.differences > 0 || collected.equal !== month.invoices.length) {
    console.error("Stripe and the books DISAGREE.");
    return 1;
  }
  console.log(
    `An independent computation from the raw rows agrees with every invoice to the cent.\n` +
      `${month.invoices.length} invoices are in ${values.out} (HTML and PDF), with summary.json. ` +
      `Took ${seconds} s.`,
  );
  return 0;
}
