import { z } from "zod";
import { checkStripe, type Finding } from "./stripe-findings.ts";
import { FUNCTION_ENV_FILE, readVariables } from "./local-platform.ts";
import { StripeEnvironment } from "../supabase/functions/_shared/stripe/environment.ts";

// npm run stripe:check     what is wrong with the Stripe configuration, and what to do about it
//
// Reads the variables from the environment and supabase/functions/.env, asks Stripe, changes nothing
// there, prints a line per check. Exits with 1 when something is wrong.

const variables = { ...await readVariables(FUNCTION_ENV_FILE), ...Deno.env.toObject() };
const parsed = StripeEnvironment.safeParse(variables);
const findings: Finding[] = parsed.success
  ? await checkStripe(parsed.data, {
    webhookUrl: z.string().optional().parse(variables.SUPABASE_URL),
    publishableKey: variables.STRIPE_PUBLISHABLE_KEY,
    now: () => new Date(),
  })
  : parsed.error.issues.map(({ path, message }) => ({
    level: "wrong",
    text: `${path.join(".")} ${message}`,
  }));
const marks = { ok: "✓", note: "·", wrong: "✗" };
for (const { level, text } of findings) console.log(`${marks[level]} ${text}`);
Deno.exit(findings.some(({ level }) => level === "wrong") ? 1 : 0);
