import assert from "node:assert/strict";
import { redactor, withoutSecrets } from "./redact.ts";

const redact = redactor({
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_DB_URL: "postgresql://postgres:pa%24%24word@db.internal:5432/postgres",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_aaaaaaaa","cron":"sb_secret_bbbbbbbb"}',
  STRIPE_API_KEY: "sk_live_cccccccc",
  STRIPE_WEBHOOK_SECRET: "whsec_new1,whsec_old1",
  HERMES_URL: "https://hermes.internal/hook?token=dddddddd",
  SMTP_URL: "smtps://mailer:eeeeeeee@smtp.internal:465",
  HERMES_CHANNEL: "slack",
});

Deno.test("secrets are taken out of text, one by one and within lists and URLs", () => {
  for (
    const secret of [
      "sb_secret_aaaaaaaa",
      "sb_secret_bbbbbbbb",
      "sk_live_cccccccc",
      "whsec_new1",
      "whsec_old1",
      "dddddddd",
      "eeeeeeee",
      "pa%24%24word",
      "pa$$word",
    ]
  ) {
    const text = redact(`calling with "${secret}" failed`);
    assert.ok(!text.includes(secret), text);
    assert.match(text, /^calling with "\[secret\]/);
  }
});

Deno.test("a token in the path of a URL is taken out, and no word of it", () => {
  const path = redactor({
    HERMES_URL: "https://hooks.example/services/T024BE7LH0A1/B00/Xk29slUw0mPqa71c",
    RESEND_API_BASE: "https://api.example/notifications/v1",
    SUPABASE_DB_URL: "postgresql://postgres:password@db.internal:5432/postgres",
  });
  assert.equal(
    path("error for url (https://hooks.example/services/T024BE7LH0A1/B00/Xk29slUw0mPqa71c)"),
    "error for url (https://hooks.example/services/[secret]/B00/[secret])",
  );
  assert.equal(path("postgres: no notifications of v1"), "postgres: no notifications of v1");
});

Deno.test("addresses of people are taken out, the rest stays", () => {
  assert.equal(
    redact('550 <ada@example.com>: no such user, project.supabase.co said slack "x@y"'),
    '550 <[address]>: no such user, project.supabase.co said slack "[address]"',
  );
});

Deno.test("long text without an address costs no more than its length", () => {
  const started = performance.now();
  redact("a".repeat(200_000) + "@".repeat(200_000));
  assert.ok(performance.now() - started < 2000);
});

Deno.test("a quoted request is told without the secrets in it, in any form they had", () => {
  const variables = {
    SMTP_URL: "smtp://mailer:p%40ss-word@smtp.internal:2525",
    RESEND_API_KEY: "re_ffffffff",
    HERMES_URL: "https://gggggggg@hermes.internal",
  };
  const sent = (text: string) => btoa(text);
  for (
    const secret of [
      "p%40ss-word",
      "p@ss-word",
      "re_ffffffff",
      "gggggggg",
      sent("p@ss-word"),
      sent("mailer:p@ss-word"),
      sent("\0mailer\0p@ss-word"),
    ]
  ) {
    assert.equal(
      withoutSecrets(`535 <ada@example.com> sent ${secret}`, variables),
      "535 <ada@example.com> sent [secret]",
    );
  }
});

Deno.test("a password that is no proper percent-encoding does not break the redactor", () => {
  const text = withoutSecrets("no: p%zz-word", { SMTP_URL: "smtp://m:p%zz-word@smtp.internal" });
  assert.equal(text, "no: [secret]");
});
