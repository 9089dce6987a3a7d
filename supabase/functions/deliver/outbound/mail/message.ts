/** A mail, ready for whichever way it is sent. */
export interface MailMessage {
  readonly to: readonly string[];
  readonly replyTo: string | null;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Without angle brackets; the same whenever the same mail is sent again. */
  readonly messageId: string;
  /** The mail that this one follows, so that readers show them together. */
  readonly inReplyTo: string | null;
  readonly attachments: readonly MailAttachment[];
}

export interface MailAttachment {
  readonly filename: string;
  readonly contentType: string;
  readonly content: Uint8Array;
}

/** Whether the mail was taken; `retry` and `dead` as for deliveries. Rejects only on an internal error. */
export type SendMail = (message: MailMessage) => Promise<
  | { readonly kind: "sent" }
  | { readonly kind: "retry"; readonly error: string; readonly retryAfterSeconds?: number }
  | { readonly kind: "dead"; readonly error: string }
>;

/** `invoice_issued:0b8e…:email` becomes `invoice_issued.0b8e….email@domain of the sender`. */
export function messageIdOf(key: string, from: string): string {
  const domain = /@([A-Za-z0-9.-]+)/.exec(from)?.[1] ?? "billing.invalid";
  return `${key.replace(/[^A-Za-z0-9_-]+/g, ".")}@${domain}`;
}
