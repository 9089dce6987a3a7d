import { verifyAuth } from "@supabase/server/core";
import type { Actor } from "../../../../shared/api/route.ts";

/** Who sent a request. `name` is what the audit trail shows: the user's id, or `key:<name>`. */
export interface Caller {
  readonly actor: Actor;
  readonly name: string;
  /** Of a signed-in user: the token's claims, for row level security. */
  readonly claims: Readonly<Record<string, unknown>> | null;
}

/** Tells who sent a request; null when credentials are given and are not valid. */
export type Authenticate = (request: Request) => Promise<Caller | null>;

const ANYBODY: Caller = { actor: "anon", name: "anon", claims: null };

/**
 * Reads secret keys (named `default`, `cron`, `agent`) and users' tokens with the keys of the
 * environment. A request without credentials, or with the publishable key alone, is anybody's.
 */
export async function authenticate(request: Request): Promise<Caller | null> {
  const { data, error } = await verifyAuth(request, {
    auth: ["secret:*", "user", "publishable:*", "none"],
  });
  if (error !== null) return null;
  if (data.authMode === "secret") return keyCaller(data.keyName ?? "default");
  if (data.authMode === "user" && data.jwtClaims !== null) return userCaller(data.jwtClaims);
  if (data.authMode === "publishable") return ANYBODY;
  return hasCredentials(request) ? null : ANYBODY;
}

function keyCaller(name: string): Caller | null {
  const caller = { name: `key:${name}`, claims: null };
  switch (name) {
    case "default":
      return { ...caller, actor: "service" };
    case "cron":
    case "agent":
      return { ...caller, actor: name };
    default:
      // A key that was made for something else opens nothing here.
      return null;
  }
}

function userCaller(claims: Readonly<Record<string, unknown>>): Caller | null {
  if (typeof claims.sub !== "string" || claims.role !== "authenticated") return null;
  const metadata = claims.app_metadata;
  const isOperator = typeof metadata === "object" && metadata !== null && "role" in metadata &&
    metadata.role === "operator";
  return { actor: isOperator ? "operator" : "member", name: claims.sub, claims };
}

function hasCredentials(request: Request): boolean {
  return request.headers.has("authorization") || request.headers.has("apikey");
}
