import { SignJWT } from "jose";
import type { Sql } from "postgres";
import { jwtKeyId, jwtSecret, platformKeys } from "../platform/keys.ts";

/** Who attacks. Staff may do what it does: its requests look for 5xx alone. */
export const ATTACKERS = [
  "anon",
  "member",
  "outsider",
  "keyed",
  "signed",
  "agent",
  "cron",
  "operator",
  "service",
  "forged",
] as const;
export type CallerName = typeof ATTACKERS[number];

/** Callers that may read and change everything, or log for everybody. */
export const STAFF: readonly CallerName[] = ["agent", "cron", "operator", "service"];

export type Headers = Readonly<Record<string, string>>;

/** Headers of each attacker; `forged` brings its own. */
export type Callers = Readonly<Record<CallerName, Headers>>;

/** Signs a user's token, as Auth does. */
export function userToken(sub: string, claims: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT({ role: "authenticated", ...claims })
    .setProtectedHeader({ alg: "HS256", kid: jwtKeyId, typ: "JWT" }).setSubject(sub)
    .setAudience("authenticated").setIssuedAt().setExpirationTime("6h")
    .sign(new TextEncoder().encode(jwtSecret));
}

export function userHeaders(token: string): Headers {
  return { apikey: platformKeys.publishable, authorization: `Bearer ${token}` };
}

/** A key of an agent for one client: a token of ours, or a signed one for the Data API. */
export async function agentHeaders(
  sql: Sql,
  kind: "token" | "jwt",
  agent: string,
  client: string,
): Promise<{ readonly id: string; readonly headers: Headers; readonly key: string }> {
  const [made] = await sql<{ id: string; token: string | null }[]>`
    select * from billing.create_agent_key(${agent}, array[${client}]::uuid[], ${agent},
      max_age => '10 years', kind => ${kind})`;
  if (made === undefined) throw new Error("no key was made");
  const key = made.token ?? await new SignJWT({
    role: "billing_agent",
    billing_key: made.id,
    billing_client: client,
  }).setProtectedHeader({ alg: "HS256", typ: "JWT" }).setIssuedAt().setExpirationTime("6h")
    .sign(new TextEncoder().encode(jwtSecret));
  return { id: made.id, key, headers: { apikey: key, authorization: `Bearer ${key}` } };
}
