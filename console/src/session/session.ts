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
