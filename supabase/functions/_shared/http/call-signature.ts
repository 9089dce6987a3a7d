import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import { env } from "node:process";
import { z } from "zod";
import { problem } from "../../../../shared/errors.ts";
import { sha256Of } from "../../../../shared/sha256.ts";
import { ProblemError } from "./problem.ts";

/** Where a scheduled job's call carries its signature (`_billing.sign_call`). */
export const CALL_SIGNATURE = "x-billing-signature";

/** Seconds that a signature may be old, or ahead of our clock. */
const TOLERANCE = 300;

const FORM = /^t=(\d{1,12}),b=([0-9a-f]{64}),v1=([0-9a-f]{64})$/;
const Keys = z.object({ cron: z.string().min(1) });

/** SHA-256 of the body that a request was signed with. */
const signedBodies = new WeakMap<Request, string>();

/**
 * Whether a request was signed now by the secret key named `cron`, for its method and path. The body
 * is not read for that: `checkSignedBody` compares what is read of it later.
 */
export function isSignedCall(request: Request, now = Date.now() / 1000): boolean {
  const [, seconds = "", body = "", digest = ""] =
    FORM.exec(request.headers.get(CALL_SIGNATURE) ?? "") ?? [];
  const key = cronKey();
  if (key === null || digest === "" || Math.abs(now - Number(seconds)) > TOLERANCE) return false;
  const { pathname, search } = new URL(request.url);
  const path = `${pathname.replace(/^\/functions\/v1(?=\/)/, "")}${search}`;
  const expected = createHmac("sha256", key)
    .update(`${seconds}\n${request.method}\n${path}\n${body}`).digest();
  if (!timingSafeEqual(expected, Buffer.from(digest, "hex"))) return false;
  signedBodies.set(request, body);
  return true;
}

/** Throws a `ProblemError` where a request was signed with another body than this. */
export function checkSignedBody(request: Request, text: string): void {
  const signed = signedBodies.get(request);
  if (signed === undefined || timingSafeEqual(Buffer.from(signed), Buffer.from(sha256Of(text)))) {
    return;
  }
  throw new ProblemError(problem("unauthorized", "the body is not the one that was signed"));
}

/** The secret key named `cron`, which signs; null where there is none. */
function cronKey(): string | null {
  try {
    return Keys.parse(JSON.parse(env.SUPABASE_SECRET_KEYS ?? "")).cron;
  } catch {
    return null;
  }
}
