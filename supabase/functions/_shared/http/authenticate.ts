import { env } from "node:process";
import { verifyCredentials } from "@supabase/server/core";
import { z } from "zod";
import type { Actor } from "../../../../shared/api/route.ts";
import { CALL_SIGNATURE, isSignedCall } from "./call-signature.ts";
import { isToken, selfHostedSecret, TokenClaims, verifySelfHosted } from "./self-hosted-token.ts";

/** Who sent a request. `name` is what the audit trail shows: the user's id, or `key:<name>`. */
export interface Caller {
  readonly actor: Actor;
  readonly name: string;
  /** Of a signed-in user: the token's claims, for row level security. */
  readonly claims: Readonly<Record<string, unknown>> | null;
  /** Of an agent with a key of its own. */
  readonly agentKey?: AgentKey;
}

/** A key of one agent: what the function needs of it; the database knows what it may log. */
export interface AgentKey {
  readonly id: string;
  /** Whose events it logs; null where it may log any agent's. */
  readonly agent: string | null;
  /** Where the request comes from, as the proxy says. */
  readonly address: string | null;
}

/** Tells who sent a request; null when credentials are given and are not valid. */
export type Authenticate = (request: Request) => Promise<Caller | null>;

const ANYBODY: Caller = { actor: "anon", name: "anon", claims: null };

/**
 * Reads secret keys (named `default`, `cron`, `agent`) and users' tokens with the keys of the
 * environment. A request without credentials, or with the publishable key alone, is anybody's.
 * Where a self-hosted Supabase gives functions its `JWT_SECRET`, keys are tokens of a role too.
 * A signed call of a scheduled job is the key `cron`'s; a request with a signature has no other way in.
 */
export async function authenticate(request: Request): Promise<Caller | null> {
  const { headers } = request;
  if (headers.has(CALL_SIGNATURE)) return isSignedCall(request) ? keyCaller("cron") : null;
  const authorization = headers.get("authorization");
  const apikey = headers.get("apikey");
  // The scheme's name may be written in any case (RFC 9110), which the SDK does not take.
  const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1] ?? null;
  const secret = selfHostedSecret();
  // As for its Data API, the role is that of the bearer's token, else that of the key.
  const asToken = bearer === null && secret !== undefined && apikey !== null && isToken(apikey);
  const token = asToken ? apikey : bearer;
  if (secret !== undefined && token !== null) {
    const claims = await verifySelfHosted(token, secret);
    if (claims !== null) return tokenCaller(claims);
  }
  const { data, error } = await verifyCredentials({ token, apikey }, {
    auth: ["secret:*", "user", "publishable:*", "none"],
  });
  if (error !== null) return null;
  if (data.authMode === "secret") return keyCaller(data.keyName ?? "default");
  if (data.authMode === "user") return userCaller(data.jwtClaims);
  if (data.authMode === "publishable") return ANYBODY;
  return authorization !== null || apikey !== null ? null : ANYBODY;
}

/** Of a self-hosted Supabase: a key, which is a token of a role, or a user's token. */
function tokenCaller(given: unknown): Caller | null {
  const { data: claims } = TokenClaims.safeParse(given);
  switch (claims?.role) {
    case "service_role":
      return keyCaller("default");
    case "anon":
      return ANYBODY;
    default:
      return userCaller(given);
  }
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

/** Seconds that a user's token may have left: the longest that Supabase Auth can be told, a week. */
const LONGEST_SECONDS = 7 * 24 * 3600;

/**
 * What a user's token says. The SDK has checked the signature, `exp` and `nbf` where they are there;
 * a token that never ends or not for long, or was made for something else than users of this
 * project, is none.
 */
const UserClaims = z.looseObject({
  sub: z.guid(),
  role: z.literal("authenticated"),
  aud: z.union([
    z.literal("authenticated"),
    z.array(z.string()).refine((all) => all.includes("authenticated")),
  ]),
  exp: z.number().refine((ends) => ends <= Date.now() / 1000 + LONGEST_SECONDS),
  iss: z.string().refine(isIssuer).optional(),
  app_metadata: z.unknown().optional(),
});
const Operator = z.object({ role: z.literal("operator") });

function userCaller(given: unknown): Caller | null {
  const { data: claims } = UserClaims.safeParse(given);
  if (claims === undefined) return null;
  const isOperator = Operator.safeParse(claims.app_metadata).success;
  return { actor: isOperator ? "operator" : "member", name: claims.sub.toLowerCase(), claims };
}

/** `TOKEN_ISSUERS` where it is set, else an Auth server's address, whichever name it goes by. */
function isIssuer(issuer: string): boolean {
  const listed = (env.TOKEN_ISSUERS ?? "").split(/[\s,]+/).filter((one) => one !== "");
  return listed.length > 0 ? listed.includes(issuer) : /^https?:\/\/.+\/auth\/v1$/.test(issuer);
}
