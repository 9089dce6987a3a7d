import { importJWK, SignJWT } from "jose";
import { z } from "zod";

/** A key of kind `jwt` whose token is to be signed. */
export interface KeyToSign {
  readonly id: string;
  readonly client_ids: readonly string[] | null;
  readonly expires_at: string | null;
}

/** Signs the token of a key. */
export type SignToken = (key: KeyToSign) => Promise<string>;

const Jwk = z.looseObject({ kty: z.string(), alg: z.string(), kid: z.string().optional() });

/**
 * Signs by what the environment holds: `SUPABASE_JWT_SECRET` (HS256), or `SUPABASE_SIGNING_JWK`, a
 * private key as JSON that the project trusts. The token says its role, its key and, where it has
 * one client, which; its rights are read from the database each time.
 */
export function tokenSigner(env: Readonly<Record<string, string | undefined>>): SignToken {
  return async ({ id, client_ids, expires_at }) => {
    if (expires_at === null) throw new Error("the key has no expiry; a signed token needs one");
    const { key, header } = await signingKey(env);
    const [client] = client_ids ?? [];
    return await new SignJWT({
      role: "billing_agent",
      billing_key: id,
      ...client !== undefined && client_ids?.length === 1 ? { billing_client: client } : {},
    }).setProtectedHeader({ typ: "JWT", ...header }).setIssuer("leveredge-billing").setIssuedAt()
      .setExpirationTime(Math.floor(Date.parse(expires_at) / 1000)).sign(key);
  };
}

async function signingKey(env: Readonly<Record<string, string | undefined>>) {
  if (env.SUPABASE_SIGNING_JWK !== undefined) {
    const jwk = Jwk.parse(JSON.parse(env.SUPABASE_SIGNING_JWK));
    const { alg, kid } = jwk;
    return { key: await importJWK(jwk, alg), header: { alg, ...kid === undefined ? {} : { kid } } };
  }
  const secret = env.SUPABASE_JWT_SECRET;
  if (secret === undefined || secret.length < 32) {
    throw new Error(
      "a signed token needs SUPABASE_JWT_SECRET (32 characters or more) or SUPABASE_SIGNING_JWK",
    );
  }
  return { key: new TextEncoder().encode(secret), header: { alg: "HS256" } };
}
