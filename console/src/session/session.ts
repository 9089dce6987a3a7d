import { z } from "zod";

/** Who has signed in. The token is what the server judges by; the rest decides what is shown. */
export interface Session {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly email: string;
  readonly role: "operator" | "member";
}

const TokenAnswer = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1),
  expires_in: z.number().positive(),
  user: z.object({
    email: z.string().nullish(),
    app_metadata: z.object({ role: z.unknown() }).partial().nullish(),
  }),
});

/** The session that an answer of Auth's `/token` opens, or null where it is none. */
export function sessionOf(answer: unknown, now: number): Session | null {
  const parsed = TokenAnswer.safeParse(answer);
  if (!parsed.success) return null;
  const { access_token, refresh_token, expires_in, user } = parsed.data;
  return {
    accessToken: access_token,
    refreshToken: refresh_token,
    expiresAt: now + expires_in * 1000,
    email: user.email ?? "",
    role: user.app_metadata?.role === "operator" ? "operator" : "member",
  };
}

const Stored = z.object({
  accessToken: z.string(),
  refreshToken: z.string(),
  expiresAt: z.number(),
  email: z.string(),
  role: z.enum(["operator", "member"]),
});

/** A session as it was stored, or null where the text is none. */
export function storedSession(text: string | null): Session | null {
  if (text === null) return null;
  try {
    const parsed = Stored.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The id of the session's user; an empty text where the token names none. */
export function userIdOf({ accessToken }: Session): string {
  return Subject.safeParse(claimsOf(accessToken)).data?.sub ?? "";
}

/** Whether the session was opened with a second factor. */
export function hasSecondFactor({ accessToken }: Session): boolean {
  return Subject.safeParse(claimsOf(accessToken)).data?.aal === "aal2";
}

const Subject = z.object({ sub: z.string().optional(), aal: z.string().optional() });

const Claims = z.object({
  exp: z.number(),
  email: z.string().nullish(),
  app_metadata: z.object({ role: z.unknown() }).partial().nullish(),
});

/**
 * The session that a link of a mail opens: Auth writes its tokens behind the `#`. Null where the hash
 * is none of a link. The token's signature is for the server to check.
 */
export function sessionOfLink(hash: string, now: number): Session | null {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const token = parts.get("access_token");
  const refreshToken = parts.get("refresh_token");
  if (token === null || refreshToken === null) return null;
  const claims = Claims.safeParse(claimsOf(token)).data;
  if (claims === undefined || claims.exp * 1000 < now) return null;
  return {
    accessToken: token,
    refreshToken,
    expiresAt: claims.exp * 1000,
    email: claims.email ?? "",
    role: claims.app_metadata?.role === "operator" ? "operator" : "member",
  };
}

function claimsOf(token: string): unknown {
  try {
    const text = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
