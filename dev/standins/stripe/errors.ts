/** An error as Stripe answers it: `{ error: { type, code, message, param } }`. */
export class StripeFailure extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly more: { code?: string; param?: string; decline_code?: string } = {},
  ) {
    super(message);
  }

  /** The body of the answer. */
  body(): unknown {
    return { error: { type: this.type, message: this.message, ...this.more } };
  }
}

/** 400, the caller's mistake. */
export function invalid(message: string, more: { code?: string; param?: string } = {}) {
  return new StripeFailure(400, "invalid_request_error", message, more);
}

/** 404 for an id of nothing. */
export function missing(what: string, id: string): StripeFailure {
  return new StripeFailure(404, "invalid_request_error", `No such ${what}: '${id}'`, {
    code: "resource_missing",
    param: "id",
  });
}
