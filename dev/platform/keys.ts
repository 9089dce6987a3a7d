import { createHmac } from "node:crypto";
import { Buffer } from "node:buffer";
import { LOCAL_SECRET_KEY } from "../../cli/local-platform.ts";

/** HS256 secret of the local platform: the one the Supabase CLI uses for every local stack. */
export const jwtSecret = "super-secret-jwt-token-with-at-least-32-characters-long";
/** Name of that secret in token headers and in `SUPABASE_JWKS`. */
export const jwtKeyId = "local-platform";

/** Keys of the local platform. They are the same on every machine and open nothing else. */
export interface PlatformKeys {
  /** `sb_publishable_…`: role `anon`. */
  publishable: string;
  /** `sb_secret_…`: role `service_role`, for agents and functions. */
  secret: string;
  /** A second secret key, named `cron`: what scheduled jobs send to functions. */
  cronSecret: string;
  /** A third, named `agent`: may log usage through functions and open nothing else there. */
  agentSecret: string;
  /** The same two roles as legacy JWT keys, valid until 2036. */
  anonJwt: string;
  serviceRoleJwt: string;
}

export const platformKeys: PlatformKeys = {
  publishable: "sb_publishable_local_platform_0000000000",
  secret: LOCAL_SECRET_KEY,
  cronSecret: "sb_secret_local_platform_cron_0000000000",
  agentSecret: "sb_secret_local_platform_agent_000000000",
  anonJwt: legacyKey("anon"),
  serviceRoleJwt: legacyKey("service_role"),
};

/** The role an API key stands for, or undefined when it is none of ours. */
export function roleOfKey(key: string): "anon" | "service_role" | undefined {
  switch (key) {
    case platformKeys.publishable:
    case platformKeys.anonJwt:
      return "anon";
    case platformKeys.secret:
    case platformKeys.cronSecret:
    case platformKeys.agentSecret:
    case platformKeys.serviceRoleJwt:
      return "service_role";
    default:
      return undefined;
  }
}

/** The public half of token checking, as hosted functions get it in `SUPABASE_JWKS`. */
export function jwks(): string {
  const k = base64url(jwtSecret);
  return JSON.stringify({ keys: [{ kty: "oct", alg: "HS256", use: "sig", kid: jwtKeyId, k }] });
}

/**
 * The same token as GoTrue would give it: with our key's name in its header, which
 * `@supabase/server` asks for, and with the user's app_metadata among its claims, which say who is an
 * operator. The local Auth server leaves both out.
 */
export function asGoTrueToken(token: string, appMetadata: unknown): string {
  const payload = token.split(".")[1];
  if (payload === undefined) return token;
  if (appMetadata === undefined) return sign(payload);
  const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
  return sign(base64url(JSON.stringify({ app_metadata: appMetadata, ...Object(claims) })));
}

function legacyKey(role: string): string {
  const claims = { iss: "supabase-demo", role, iat: 1767225600, exp: 2082758400 };
  return sign(base64url(JSON.stringify(claims)));
}

function sign(payload: string): string {
  const header = base64url(JSON.stringify({ alg: "HS256", kid: jwtKeyId, typ: "JWT" }));
  const signature = createHmac("sha256", jwtSecret).update(`${header}.${payload}`);
  return `${header}.${payload}.${signature.digest("base64url")}`;
}

function base64url(text: string): string {
  return Buffer.from(text, "utf8").toString("base64url");
}
