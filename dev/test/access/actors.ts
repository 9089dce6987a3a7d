import { createClient } from "@supabase/supabase-js";
import { SignJWT } from "jose";
import type { Sql } from "postgres";
import { jwtKeyId, jwtSecret, platformKeys } from "../../platform/keys.ts";
import { platform } from "../support/platform-env.ts";

/**
 * Headers of each kind of caller; `viewer`, `billing` and `admin` are members of a client by their
 * role, `outsider` is admin of another one, `anon` has the public key, `nobody` sends nothing, `garbled` keys and tokens that are none.
 */
export type Headers = Readonly<Record<string, string>>;

/** The callers of the access matrix. */
export const ACTORS = [
  "nobody",
  "garbled",
  "anon",
  "viewer",
  "billing",
  "admin",
  "outsider",
  "operator",
  "agent",
  "keyed",
  "signed",
  "cron",
  "service",
] as const;
export type ActorName = (typeof ACTORS)[number];

/** Signs a user up, as a front end does. */
export async function signUp(): Promise<{ id: string; headers: Headers }> {
  const client = createClient(platform.apiUrl, platform.publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const email = `${crypto.randomUUID()}@example.com`;
  const { data, error } = await client.auth.signUp({ email, password: "correct horse" });
  if (error !== null || data.user === null) throw new Error(`sign-up: ${error?.message}`);
  return { id: data.user.id, headers: userHeaders(data.session?.access_token ?? "") };
}

/** A user whom the project has made an operator; its token says so in app_metadata. */
export function operatorHeaders(): Promise<Headers> {
  return tokenHeaders(crypto.randomUUID(), { app_metadata: { role: "operator" } });
}

/** A user by id, as Auth's token says it. */
export async function tokenHeaders(userId: string, claims: object = {}): Promise<Headers> {
  const token = await new SignJWT({ role: "authenticated", ...claims })
    .setProtectedHeader({ alg: "HS256", kid: jwtKeyId, typ: "JWT" })
    .setSubject(userId).setAudience("authenticated").setIssuedAt()
    .setExpirationTime("1h").sign(new TextEncoder().encode(jwtSecret));
  return userHeaders(token);
}

/**
 * Headers of agents with keys of their own, for one client: `keyed` has a token for ingest-usage,
 * `signed` a signed one for the Data API.
 */
export async function agentHeaders(sql: Sql, client: string): Promise<{
  readonly keyed: Headers;
  readonly signed: Headers;
}> {
  const make = async (kind: string) => {
    const [made] = await sql<{ id: string; token: string }[]>`
      select * from billing.create_agent_key(${kind}, array[${client}]::uuid[], kind => ${kind})`;
    return made ?? { id: "", token: "" };
  };
  const [keyed, signed] = [await make("token"), await make("jwt")];
  const token = await new SignJWT({
    role: "billing_agent",
    billing_key: signed.id,
    billing_client: client,
  }).setProtectedHeader({ alg: "HS256", typ: "JWT" }).setIssuedAt().setExpirationTime("1h")
    .sign(new TextEncoder().encode(jwtSecret));
  const both = (key: string) => ({ apikey: key, authorization: `Bearer ${key}` });
  return { keyed: both(keyed.token), signed: both(token) };
}

/** Headers of the secret keys and of nobody. */
export const KEY_HEADERS = {
  nobody: {},
  garbled: { apikey: "none of ours", authorization: "Bearer none.of.ours" },
  anon: { apikey: platform.publishableKey },
  agent: { apikey: platformKeys.agentSecret },
  cron: { apikey: platformKeys.cronSecret },
  service: { apikey: platform.secretKey },
} as const;

function userHeaders(token: string): Headers {
  return { apikey: platform.publishableKey, authorization: `Bearer ${token}` };
}
