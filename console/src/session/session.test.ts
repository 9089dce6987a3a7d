import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { hasSecondFactor, sessionOf, sessionOfLink, storedSession, userIdOf } from "./session.ts";

const ANSWER = {
  access_token: "a",
  refresh_token: "r",
  expires_in: 3600,
  token_type: "bearer",
  user: { email: "ann@example.com", app_metadata: { provider: "email" } },
};

Deno.test("a user is a member unless app_metadata says operator", () => {
  strictEqual(sessionOf(ANSWER, 0)?.role, "member");
  const operator = { ...ANSWER, user: { ...ANSWER.user, app_metadata: { role: "operator" } } };
  strictEqual(sessionOf(operator, 0)?.role, "operator");
  const claimed = { ...ANSWER, user: { ...ANSWER.user, user_metadata: { role: "operator" } } };
  strictEqual(sessionOf(claimed, 0)?.role, "member", "what users write themselves is not asked");
});

Deno.test("a session expires when its token does", () => {
  strictEqual(sessionOf(ANSWER, 1000)?.expiresAt, 3_601_000);
});

Deno.test("an answer without a token opens no session", () => {
  strictEqual(sessionOf({ error: "invalid_grant" }, 0), null);
  strictEqual(sessionOf(null, 0), null);
});

Deno.test("a stored session is read back, anything else is none", () => {
  const session = sessionOf(ANSWER, 0);
  deepStrictEqual(storedSession(JSON.stringify(session)), session);
  for (const text of [null, "", "{", "{}", "[1]"]) strictEqual(storedSession(text), null);
});

Deno.test("a link of a mail opens a session, and any other hash none", () => {
  const claims = { exp: 2_000, email: "ånn@example.com", app_metadata: { role: "operator" } };
  const token = `x.${tokenPart(claims)}.y`;
  const hash = `#access_token=${token}&expires_in=3600&refresh_token=r&type=magiclink`;
  deepStrictEqual(sessionOfLink(hash, 1_000_000), {
    accessToken: token,
    refreshToken: "r",
    expiresAt: 2_000_000,
    email: "ånn@example.com",
    role: "operator",
  });
  strictEqual(sessionOfLink(hash, 2_000_001), null);
  strictEqual(sessionOfLink("#/invoices?status=open", 0), null);
  strictEqual(sessionOfLink("#access_token=no.token&refresh_token=r", 0), null);
  strictEqual(sessionOfLink(`#access_token=${token}`, 0), null);
});

Deno.test("the token says who its user is and whether there was a second factor", () => {
  const session = (claims: object) => ({
    accessToken: `x.${tokenPart(claims)}.y`,
    refreshToken: "r",
    expiresAt: 0,
    email: "",
    role: "member" as const,
  });
  strictEqual(userIdOf(session({ sub: "7" })), "7");
  strictEqual(userIdOf(session({})), "");
  strictEqual(hasSecondFactor(session({ aal: "aal2" })), true);
  strictEqual(hasSecondFactor(session({ aal: "aal1" })), false);
  strictEqual(hasSecondFactor({ ...session({}), accessToken: "none" }), false);
});

function tokenPart(claims: object): string {
  const bytes = new TextEncoder().encode(JSON.stringify(claims));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}
