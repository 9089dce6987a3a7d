/**
 * Every error that an HTTP caller can meet, in one place: the code is the contract (it never
 * changes), the title is for people. Answers are `application/problem+json` (RFC 9457).
 */
export const ERRORS = {
  bad_request: { status: 400, title: "The request is not valid" },
  unauthorized: { status: 401, title: "Credentials are missing or not valid" },
  not_found: { status: 404, title: "There is no such thing, or you may not see it" },
  method_not_allowed: { status: 405, title: "This method is not offered here" },
  payload_too_large: { status: 413, title: "The body is too long" },
  signature_invalid: { status: 400, title: "The signature is not valid" },
  stripe_mode_mismatch: { status: 400, title: "Test and live mode do not mix" },
  stripe_off: { status: 503, title: "Stripe is off: STRIPE_API_KEY is not set" },
  stripe_refused: { status: 409, title: "Stripe cannot have this invoice as it is" },
  stripe_unavailable: { status: 503, title: "Stripe could not do it now" },
  document_missing: { status: 409, title: "The invoice has no document yet" },
  document_invalid: { status: 500, title: "The stored document cannot be rendered" },
  internal: { status: 500, title: "Something went wrong on our side" },
} as const satisfies Record<string, { status: number; title: string }>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof ERRORS;

/** Where the input is wrong, as a JSON pointer, and what is wrong there. */
export interface ErrorDetail {
  readonly pointer: string;
  readonly detail: string;
}

/** The body of a problem answer. */
export interface Problem {
  readonly type: string;
  readonly code: ErrorCode;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly errors?: readonly ErrorDetail[];
}

/** The problem of a code; `detail` tells this caller what happened, never how it is built. */
export function problem(
  code: ErrorCode,
  detail?: string,
  errors?: readonly ErrorDetail[],
): Problem {
  const { status, title } = ERRORS[code];
  return {
    type: `urn:leveredge:problem:${code}`,
    code,
    title,
    status,
    ...(detail === undefined ? {} : { detail }),
    ...(errors === undefined ? {} : { errors }),
  };
}

/** A problem as the answer to send. */
export function problemResponse(body: Problem, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status: body.status,
    headers: { ...headers, "content-type": "application/problem+json" },
  });
}

/** zod's issues as details: `["lines", 0, "amount_minor"]` becomes `/lines/0/amount_minor`. */
export function errorDetails(
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): ErrorDetail[] {
  return issues.map(({ path, message }) => ({
    pointer: path.map((part) => `/${String(part)}`).join(""),
    detail: message,
  }));
}
