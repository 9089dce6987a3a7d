import { env } from "node:process";
// @ts-types="./base64url.d.ts"
import { decodeBase64Url } from "@std/encoding/base64url";
import { z } from "zod";

/** What a self-hosted Supabase signs with; hosted projects do not give it to functions. */
export function selfHostedSecret(): string | undefined {
  return env.JWT_SECRET === undefined || env.JWT_SECRET === "" ? undefined : env.JWT_SECRET;
}

/** The claims of a token, as far as the caller is decided by them. */
export const TokenClaims = z.looseObject({
  role: z.string().optional(),
  exp: z.number().optional(),
  nbf: z.number().optional(),
});
export type TokenClaims = z.infer<typeof TokenClaims>;

const Header = z.looseObject({
  alg: z.enum(["HS256", "ES256", "RS256"]),
  kid: z.string().optional(),
});
type Header = z.infer<typeof Header>;

const KeySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string(), alg: z.string().optional(), kid: z.string() })),
});

const ALGORITHMS = {
  HS256: { name: "HMAC", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
} as const;
const KEY_TYPES = { HS256: "oct", ES256: "EC", RS256: "RSA" } as const;

/** Whether a text has the form of a signed token: three parts. */
export function isToken(text: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
}

/**
 * The claims of a token that the secret (HS256) or a public key of `SUPABASE_JWKS` (ES256, RS256)
 * proves and that holds now; null for any other.
 */
export async function verifySelfHosted(
  token: string,
  secret: string,
  now = Date.now() / 1000,
): Promise<TokenClaims | null> {
  const [head = "", payload = "", signature = ""] = isToken(token) ? token.split(".") : [];
  const { data: header } = Header.safeParse(parsed(head));
  const given = bytesOf(signature);
  if (header === undefined || given === null) return null;
  const key = await keyFor(header, secret);
  const content = new TextEncoder().encode(`${head}.${payload}`);
  if (key === null || !await crypto.subtle.verify(ALGORITHMS[header.alg], key, given, content)) {
    return null;
  }
  const { data: claims } = TokenClaims.safeParse(parsed(payload));
  if (claims === undefined) return null;
  const isOver = claims.exp !== undefined && claims.exp <= now;
  const isEarly = claims.nbf !== undefined && claims.nbf > now;
  return isOver || isEarly ? null : claims;
}

/** The key that a token names. A public key never serves as a secret: the type must be that of alg. */
async function keyFor({ alg, kid }: Header, secret: string): Promise<CryptoKey | null> {
  if (alg === "HS256") {
    const bytes = new TextEncoder().encode(secret);
    return await crypto.subtle.importKey("raw", bytes, ALGORITHMS[alg], false, ["verify"]);
  }
  const { data: set } = KeySet.safeParse(json(env.SUPABASE_JWKS ?? ""));
  const jwk = set?.keys.find((one) => one.kid === kid && one.kty === KEY_TYPES[alg]);
  if (jwk === undefined || (jwk.alg ?? alg) !== alg) return null;
  try {
    const { kty, crv, x, y, n, e } = PublicKey.parse(jwk);
    const present = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value);
    const material: JsonWebKey = Object.fromEntries(present);
    return await crypto.subtle.importKey("jwk", material, ALGORITHMS[alg], false, ["verify"]);
  } catch {
    return null;
  }
}

const PublicKey = z.object({
  kty: z.string(),
  crv: z.string().optional(),
  x: z.string().optional(),
  y: z.string().optional(),
  n: z.string().optional(),
  e: z.string().optional(),
});

function parsed(part: string): unknown {
  const bytes = bytesOf(part);
  return bytes === null ? null : json(new TextDecoder().decode(bytes));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function bytesOf(part: string) {
  try {
    return decodeBase64Url(part);
  } catch {
    return null;
  }
}
