/**
 * What became of a try. `retry` comes again with backoff (or becomes dead after the last try),
 * `dead` at once. `details` are kept on the row; those of kind `stripe` may hold `payment_url`, the
 * pay link that the mail carries. A handler that throws counts as `retry`.
 */
export type DeliveryOutcome =
  | { readonly kind: "done"; readonly externalId?: string; readonly details?: object }
  | {
    readonly kind: "retry";
    readonly error: string;
    readonly retryAfterSeconds?: number;
    /** The service had too many requests: others would be refused as well. */
    readonly isRateLimited?: boolean;
  }
  | { readonly kind: "dead"; readonly error: string }
  | { readonly kind: "skipped"; readonly error: string };
