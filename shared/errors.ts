/**
 * Every error that an HTTP caller can meet, in one place: the code is the contract (it never
 * changes), the title is for people. Answers are `application/problem+json` (RFC 9457).
 */
export const ERRORS = {
  bad_request: { status: 400, title: "The request is not valid" },
  unauthorized: { status: 401, title: "Credentials are missing or not valid" },
  forbidden: { status: 403, title: "Not allowed with these credentials" },
  not_found: { status: 404, title: "Not found, or not visible to you" },
  method_not_allowed: { status: 405, title: "This method is not allowed here" },
  body_timeout: { status: 408, title: "The body did not arrive in time" },
  already_exists: { status: 409, title: "It would duplicate or overlap an existing row" },
  unknown_reference: { status: 409, title: "It refers to a row that does not exist" },
  idempotency_conflict: { status: 409, title: "This Idempotency-Key was used for another request" },
  too_large: { status: 413, title: "The body is larger than this endpoint takes" },
  busy: { status: 429, title: "The database is busy with the same rows; try again" },
  rate_limited: { status: 429, title: "Too many requests; retry later" },
  overloaded: { status: 503, title: "Server is at capacity; retry later" },
  database_unavailable: { status: 503, title: "The database could not be reached; try again" },
  unreachable: { status: 502, title: "The service could not be reached" },
  // What the database raises (billing.error_codes).
  negative_quantity: { status: 400, title: "A count is below zero" },
  invalid_argument: { status: 400, title: "A value is outside its allowed range" },
  second_factor_required: { status: 403, title: "This needs a session with a second factor" },
  role_required: { status: 403, title: "Your role at this client does not allow this" },
  last_admin: { status: 409, title: "The client would have no admin" },
  already_member: { status: 409, title: "It is a member of the client already, or invited" },
  too_many_members: { status: 409, title: "The client has as many members as it may" },
  unknown_client: { status: 404, title: "No client has this id" },
  unknown_invoice: { status: 404, title: "No invoice has this id" },
  append_only: { status: 409, title: "Facts are corrected by new rows" },
  past_is_frozen: { status: 409, title: "The terms of a settled period cannot be changed" },
  invoice_frozen: { status: 409, title: "A finalized invoice cannot be edited" },
  illegal_transition: { status: 409, title: "The invoice cannot go from its state to that one" },
  client_blocked: { status: 409, title: "The client cannot be billed" },
  invoice_held: { status: 409, title: "The draft waits for a person to release it" },
  period_not_over: { status: 409, title: "The period has not ended in the client's time zone" },
  period_already_invoiced: { status: 409, title: "The period has a live invoice" },
  no_running_period: { status: 409, title: "The client has no period at this time" },
  credit_exceeds_invoice: { status: 409, title: "The credit exceeds what is left of the invoice" },
  ledger_unbalanced: { status: 409, title: "Debits and credits of the transaction differ" },
  ledger_conflict: { status: 409, title: "The transaction is posted with other amounts" },
  too_many_top_ups: { status: 409, title: "The client has as many unpaid top-ups as it may" },
  currency_mismatch: { status: 409, title: "Currencies differ" },
  unknown_grant: { status: 404, title: "No grant of credit has this id" },
  unknown_log: { status: 404, title: "No usage log has this id" },
  unknown_source: { status: 404, title: "No source of usage has this name" },
  invalid_correction: { status: 409, title: "The correction does not match its log" },
  correction_refused: { status: 400, title: "Usage events cannot correct logs" },
  unknown_proposal: { status: 404, title: "No price proposal has this id" },
  unknown_delivery: { status: 404, title: "No such delivery has given up or been skipped" },
  stripe_total_differs: { status: 409, title: "Stripe's total differs from the invoice" },
  base_fee_billed_twice: { status: 409, title: "The base fee would be billed twice" },
  agent_not_allowed: { status: 403, title: "The key is of another agent" },
  client_not_allowed: { status: 403, title: "The key is for other clients" },
  time_not_allowed: { status: 403, title: "The event is too old or too far ahead for the key" },
  network_not_allowed: { status: 403, title: "The key may not be used from this address" },
  quota_exceeded: { status: 429, title: "The key has used up its quota of the day" },
  unknown_agent_key: { status: 404, title: "No agent key has this id" },
  agent_key_ended: { status: 409, title: "The agent key is revoked, expired or replaced" },
  payment_terms_refused: { status: 400, title: "Stripe does not offer the client this way to pay" },
  signature_invalid: { status: 400, title: "The signature is not valid" },
  stripe_mode_mismatch: { status: 400, title: "Test and live mode do not mix" },
  stripe_off: { status: 503, title: "Stripe is off: STRIPE_API_KEY is not set" },
  stripe_refused: { status: 409, title: "Stripe rejected the request" },
  stripe_customer_missing: { status: 409, title: "The client has no customer at Stripe yet" },
  return_url_refused: { status: 400, title: "The return URL is not allowed" },
  stripe_unavailable: { status: 503, title: "Stripe is not available; try again" },
  bookkeeping_not_set: { status: 409, title: "Accounts or settings of bookkeeping are missing" },
  document_not_archived: { status: 409, title: "The invoice's PDF is not in the archive yet" },
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
  /** An `ErrorCode`; text, because a newer server may know more of them. */
  readonly code: string;
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
