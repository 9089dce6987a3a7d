import { Buffer } from "node:buffer";
import { SignJWT } from "jose";
import { jwtKeyId, jwtSecret, platformKeys } from "../platform/keys.ts";
import { sha256Of } from "../../shared/sha256.ts";

const HOUR = 3600;

/**
 * Tokens and keys that open nothing, each for a reason of its own; apart those that the project has
 * signed and that functions refuse. `good` is a member's token.
 */
export async function forgedTokens(
  { userId, good, revoked }: {
    readonly userId: string;
    readonly good: string;
    /** Keys of agents that have been revoked. */
    readonly revoked: readonly string[];
  },
): Promise<{ readonly forged: string[]; readonly oddlySigned: string[] }> {
  const now = Math.floor(Date.now() / 1000);
  const sign = (claims: Record<string, unknown>, secret = jwtSecret, kid: unknown = jwtKeyId) =>
    new SignJWT({ role: "authenticated", sub: userId, aud: "authenticated", ...claims })
      .setProtectedHeader({ alg: "HS256", typ: "JWT", ...Object(kid === null ? {} : { kid }) })
      .sign(new TextEncoder().encode(secret));
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const [header = "", payload = "", signature = ""] = good.split(".");
  const later = { exp: now + HOUR };
  const claims = part({ role: "service_role", sub: userId, aud: "authenticated", ...later });
  const front = `lea_${sha256Of("made up").slice(0, 48)}`;
  const oddlySigned = [
    await sign({}),
    await sign({ ...later, aud: "other" }),
    await sign({ ...later, sub: "" }),
    await sign({ ...later, sub: "../../etc/passwd" }),
    await sign({ ...later, role: "postgres" }),
    await sign({ ...later, role: "supabase_admin" }),
    await sign({ ...later, iss: "https://example.com" }),
  ];
  const forged = [
    ...revoked,
    await sign({ exp: now - HOUR }),
    await sign({ ...later, nbf: now + HOUR }),
    await sign({ ...later, role: "billing_agent", billing_key: crypto.randomUUID() }),
    await sign({ ...later, role: "billing_agent", billing_key: "'; select 1; --" }),
    await sign({ ...later, role: "billing_agent" }),
    await sign(later, "another-project-s-secret-of-at-least-32-characters"),
    await sign({ ...later, app_metadata: { role: "operator" } }, "x".repeat(40)),
    `${part({ alg: "none", kid: jwtKeyId })}.${claims}.`,
    `${part({ alg: "None", kid: jwtKeyId })}.${claims}.${signature}`,
    `${part({ alg: "RS256", kid: jwtKeyId })}.${claims}.${signature}`,
    `${part({ alg: "HS256", kid: "../../dev/null" })}.${claims}.${signature}`,
    `${part({ alg: "HS256", kid: ["a"], jwk: { kty: "oct", k: "AA" } })}.${claims}.${signature}`,
    `${header}.${claims}.${signature}`,
    `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
    `${header}.${payload}`,
    `${header}.${payload}.${signature}.${signature}`,
    `${header}.${Buffer.from("{").toString("base64url")}.${signature}`,
    `${header}.${Buffer.from("[]").toString("base64url")}.${signature}`,
    `${part([])}.${part(null)}.`,
    "..",
    "a.b.c",
    "x".repeat(7000),
    `${platformKeys.secret}x`,
    platformKeys.secret.slice(0, -1),
    "sb_secret_",
    `${front}${sha256Of(front).slice(0, 8)}`,
    `${front}00000000`,
    "lea_",
  ];
  return { forged, oddlySigned };
}
