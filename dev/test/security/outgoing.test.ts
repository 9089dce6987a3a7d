import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { DeliveryEnvironment } from "../../../supabase/functions/deliver/environment.ts";
import { hermesNotifier } from "../../../supabase/functions/deliver/outbound/hermes.ts";
import { resendSender } from "../../../supabase/functions/deliver/outbound/mail/resend.ts";
import { smtpUrl } from "../../../supabase/functions/deliver/outbound/mail/smtp.ts";
import { openStripe } from "../../../supabase/functions/_shared/stripe/client.ts";
import { StripeEnvironment } from "../../../supabase/functions/_shared/stripe/environment.ts";
import { repositoryRoot } from "../../platform/repository.ts";
import { listFiles } from "../runner/files.ts";

const KEY = "sk_test_of_outgoing";

Deno.test("a key goes out by https, or to this machine; never anywhere by another protocol", () => {
  const bases = (url: string) => {
    const stripe = StripeEnvironment.safeParse({ STRIPE_API_BASE: url }).success;
    const all = { SUPABASE_DB_URL: "postgresql://x", RESEND_API_BASE: url };
    strictEqual(DeliveryEnvironment.safeParse(all).success, stripe, url);
    return stripe;
  };
  for (
    const url of [
      "https://api.stripe.test",
      "http://127.0.0.1:1",
      "http://[::1]:1",
      "http://localhost",
    ]
  ) ok(bases(url), url);
  for (
    const url of [
      "http://api.stripe.test",
      "http://127.0.0.1.evil.test",
      "http://127.0.0.1@evil.test",
      "http://localhost.evil.test",
      "http://169.254.169.254/latest",
      "http://10.0.0.1",
      "file:///etc/passwd",
      "gopher://127.0.0.1",
      "javascript:alert(1)",
      "not a url",
    ]
  ) ok(!bases(url), url);
});

Deno.test("HERMES and SMTP are reached by their own protocols alone", () => {
  const parses = (more: Record<string, string>) =>
    DeliveryEnvironment.safeParse({ SUPABASE_DB_URL: "postgresql://x", ...more }).success;
  ok(parses({ HERMES_URL: "http://hermes.internal:9000", SMTP_URL: "smtps://mail.test:465" }));
  for (const url of ["file:///etc/passwd", "ftp://h", "data:,x", "hermes"]) {
    ok(!parses({ HERMES_URL: url }), url);
    ok(!parses({ SMTP_URL: url }), url);
  }
});

Deno.test("the refusal of a variable does not tell its value", () => {
  const held = "pa55word-of-the-variable";
  const { error } = DeliveryEnvironment.safeParse({
    SUPABASE_DB_URL: "postgresql://x",
    STRIPE_API_KEY: held,
    STRIPE_API_BASE: `http://${held}.test`,
    SMTP_URL: `smtp//user:${held}@mail.test`,
    HERMES_URL: `hermes:${held}`,
  });
  strictEqual(error?.issues.length, 4);
  ok(!JSON.stringify(error?.issues).includes(held) && !String(error).includes(held));
});

Deno.test("nobody who answers for HERMES, Resend or Stripe sends a request on to elsewhere", async () => {
  const seen: string[] = [];
  const listen = (answer: (request: Request) => Response) =>
    Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  const elsewhere = listen((request) => {
    seen.push(request.url);
    return Response.json({ notification_id: "x", status: "delivered" });
  });
  for (const status of [301, 302, 303, 307, 308]) {
    const location = `http://localhost:${elsewhere.addr.port}/elsewhere`;
    const asked = listen(() => new Response(null, { status, headers: { location } }));
    const base = `http://127.0.0.1:${asked.addr.port}`;
    const hermes = await hermesNotifier({ url: base, channel: "slack" })({
      message: "An invoice",
      priority: "normal",
      key: "k",
    });
    deepStrictEqual(hermes, { kind: "dead", error: `HERMES answered ${status}: ` });
    const mail = await resendSender({ key: "re_1", from: "B <b@x.test>", base })(MAIL);
    deepStrictEqual(mail, { kind: "retry", error: `Resend answered ${status}: ` });
    const stripe = openStripe(
      StripeEnvironment.parse({ STRIPE_API_KEY: KEY, STRIPE_API_BASE: base }),
    );
    const failure = await stripe?.stripe.customers.list({}, { maxNetworkRetries: 0 })
      .then(() => "answered", (error: unknown) => Object(error).type);
    strictEqual(failure, "StripeConnectionError");
    await asked.shutdown();
  }
  await elsewhere.shutdown();
  deepStrictEqual(seen, []);
});

Deno.test("a failure on the way names no address: its path or query may be a secret", async () => {
  const gone = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(),
  );
  const base = `http://user:pa55word@127.0.0.1:${gone.addr.port}/hooks/T0KEN?key=QUERY`;
  await gone.shutdown();
  const hermes = await hermesNotifier({ url: base, channel: "slack" })({
    message: "m",
    priority: "low",
    key: "k",
  });
  const mail = await resendSender({ key: "re_1", from: "B <b@x.test>", base })(MAIL);
  for (const outcome of [hermes, mail]) {
    strictEqual(outcome.kind, "retry");
    const text = JSON.stringify(outcome);
    for (const part of ["pa55word", "T0KEN", "QUERY"]) ok(!text.includes(part), text);
  }
});

Deno.test("a password for a mail server goes to another machine through TLS or not at all", () => {
  const requires = (url: string) => new URL(smtpUrl(url)).searchParams.get("requireTLS");
  strictEqual(requires("smtp://user:word@mail.test:2525"), "true");
  strictEqual(requires("smtps://user:word@mail.test:465"), null);
  strictEqual(requires("smtp://mail.test:2525"), null);
  strictEqual(requires("smtp://user:word@127.0.0.1:2525"), null);
});

Deno.test("only HERMES, Resend, Stripe and price sources are asked over HTTP, and no other row says where", async () => {
  const asking: string[] = [];
  const through: string[] = [];
  for (const folder of ["shared", "supabase/functions"]) {
    for (const file of await listFiles(folder, ".ts")) {
      if (file.endsWith(".test.ts")) continue;
      const text = await Deno.readTextFile(join(repositoryRoot, file));
      if (/(?<![.\w])fetch\(|globalThis\.fetch|new WebSocket|Deno\.connect/.test(text)) {
        asking.push(file);
      }
      if (/(?<!function )\b(postJson|boundedFetch)\(/.test(text)) through.push(file);
    }
  }
  // Two modules ask, with bounds; these are asked through them, and Storage by its client.
  deepStrictEqual(asking, [
    "supabase/functions/_shared/outbound/bounded-fetch.ts",
    "supabase/functions/deliver/outbound/answer.ts",
  ]);
  deepStrictEqual(through, [
    "supabase/functions/_shared/stripe/client.ts",
    "supabase/functions/billing/index.ts",
    "supabase/functions/deliver/index.ts",
    "supabase/functions/deliver/outbound/hermes.ts",
    "supabase/functions/deliver/outbound/mail/resend.ts",
    "supabase/functions/deliver/outbound/price-source.ts",
  ]);
  const calls: string[] = [];
  for (const file of await listFiles("supabase/schemas", ".sql")) {
    const sql = await Deno.readTextFile(join(repositoryRoot, file));
    calls.push(
      ...sql.match(
        /\b(net\.http_\w+|http_(get|post)|dblink\w*|pg_read_\w+|copy\s.*program)\b.*/gi,
      ) ?? [],
    );
  }
  // URLs are read from Vault, which only the owner writes, and end in a function of ours.
  deepStrictEqual(calls.map((call) => call.replace(/,.*/, "")), [
    "net.http_post(url := u.decrypted_secret || call_function.path",
  ]);
});

const MAIL = {
  to: ["client@example.test"],
  replyTo: null,
  subject: "s",
  text: "t",
  html: "<p>h</p>",
  messageId: "m@x.test",
  inReplyTo: null,
  attachments: [],
};
