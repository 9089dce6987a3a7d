import { deepStrictEqual } from "node:assert/strict";
import { STRIPE_PERMISSIONS } from "../shared/stripe/permissions.ts";
import { STRIPE_EVENT_TYPES } from "../supabase/functions/reconcile-stripe/event-types.ts";
import { startStripe, type StripeStandIn } from "../dev/standins/stripe/server.ts";
import { checkStripe } from "./stripe-findings.ts";

const API = "https://project.example.com";
const HOOK = `${API}/functions/v1/stripe-webhook`;

/** What the check says with Stripe as `arrange` leaves it; `variables` besides the usual ones. */
async function check(
  arrange: (stripe: StripeStandIn) => void,
  variables: Record<string, string> = {},
  publishableKey?: string,
): Promise<string[]> {
  const { STRIPE_API_KEY: secretKey = "sk_test_check" } = variables;
  const stripe = startStripe({
    secretKey: secretKey.endsWith("revoked") ? "sk_test_check" : secretKey,
  });
  try {
    stripe.webhooks.target = { url: HOOK, secrets: ["whsec_1"] };
    arrange(stripe);
    const findings = await checkStripe({
      STRIPE_API_KEY: "sk_test_check",
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: "whsec_1",
      ...variables,
    }, { webhookUrl: API, publishableKey, now: () => new Date() });
    return findings.map(({ level, text }) => `${level}: ${text.replace(stripe.url, "<base>")}`);
  } finally {
    await stripe.stop();
  }
}

/** Only what is wrong. */
const wrong = async (...input: Parameters<typeof check>) =>
  (await check(...input)).filter((finding) => finding.startsWith("wrong"));

Deno.test("a configuration that works has nothing wrong", async () => {
  deepStrictEqual(await check(() => {}, {}, "pk_test_1"), [
    "ok: STRIPE_API_KEY is a key of test mode",
    "ok: STRIPE_PUBLISHABLE_KEY is of the same mode",
    "ok: one webhook secret",
    "note: STRIPE_API_BASE: requests go to <base>",
    "ok: the key opens account acct_standin, which can take payments",
    `ok: webhook endpoint ${HOOK}`,
  ]);
});

Deno.test("an account that cannot take payments is named", async () => {
  deepStrictEqual(
    await wrong(({ dashboard }) => dashboard.configure({ charges_enabled: false })),
    ["wrong: account acct_standin cannot take payments yet: finish its set-up"],
  );
});

Deno.test("each mistake of the webhook endpoint is named", async () => {
  const [first = "", ...others] = STRIPE_EVENT_TYPES;
  deepStrictEqual(
    await wrong(({ dashboard }) =>
      dashboard.configure({
        status: "disabled",
        enabled_events: [...others],
        api_version: "2019-01-01",
      })
    ),
    [
      `wrong: webhook endpoint ${HOOK} is disabled`,
      `wrong: the endpoint does not get ${first}`,
      (await wrong(({ dashboard }) => dashboard.configure({ api_version: "2019-01-01" })))[0],
    ],
  );
  deepStrictEqual(
    await wrong((stripe) =>
      stripe.webhooks.target = { url: "https://other.example/hook", secrets: [] }
    ),
    ["wrong: no webhook endpoint ends in /functions/v1/stripe-webhook: make one in the Dashboard"],
  );
});

Deno.test("keys that do not fit are named", async () => {
  deepStrictEqual(await wrong(() => {}, {}, "pk_live_1"), [
    "wrong: STRIPE_PUBLISHABLE_KEY is not a pk_test_ key",
  ]);
  deepStrictEqual(await wrong(() => {}, { STRIPE_WEBHOOK_SECRET: "" }), [
    "wrong: STRIPE_WEBHOOK_SECRET is not set: every webhook is refused; copy it from the endpoint",
  ]);
  deepStrictEqual(
    (await wrong(() => {}, { STRIPE_API_KEY: "sk_test_revoked" }))
      .map((finding) => finding.replace(/ \(.*/, "")),
    ["wrong: Stripe: Invalid API Key"],
  );
});

const RESTRICTED = { STRIPE_API_KEY: "rk_test_check" };
const slugs = STRIPE_PERMISSIONS.map(({ slug }) => slug);

Deno.test("a restricted key with each permission has nothing wrong", async () => {
  const findings = await check(({ grantOnly }) => grantOnly(slugs), RESTRICTED);
  deepStrictEqual(findings.filter((finding) => !finding.startsWith("ok")), [
    "note: STRIPE_API_BASE: requests go to <base>",
  ]);
  deepStrictEqual(
    findings.filter((finding) => finding.includes("permission")),
    ["ok: the restricted key has each permission that is needed"],
  );
});

Deno.test("each permission that a restricted key lacks is named as in the Dashboard", async () => {
  for (const { name, access, slug, what, optional } of STRIPE_PERMISSIONS) {
    const findings = await check(
      ({ grantOnly }) => grantOnly(slugs.filter((one) => one !== slug)),
      RESTRICTED,
    );
    deepStrictEqual(findings.filter((finding) => /^(wrong|note: the key)/.test(finding)), [
      `${optional ? "note" : "wrong"}: the key lacks the permission "${name}": ${access} ` +
      `(${slug}): ${what}`,
    ]);
  }
});

Deno.test("the right to read is not the right to write", async () => {
  const readOnly = slugs.map((slug) => slug.replace("_write", "_read"));
  const findings = await wrong(({ grantOnly }) => grantOnly(readOnly), RESTRICTED);
  deepStrictEqual(findings.map((finding) => /"(.+)": Write/.exec(finding)?.[1]), [
    "Customers",
    "Invoices",
    "Credit notes",
    "Payment Records",
  ]);
});

Deno.test("asking for permissions changes nothing", async () => {
  let before = "";
  const { promise, resolve } = Promise.withResolvers<StripeStandIn>();
  await check((stripe) => {
    resolve(stripe);
    before = contentsOf(stripe);
  }, RESTRICTED);
  deepStrictEqual(contentsOf(await promise), before);
});

const contentsOf = ({ state }: StripeStandIn) =>
  JSON.stringify([state.customers, state.invoices, state.creditNotes].map((map) => [...map]));
