import { Buffer } from "node:buffer";
import { z } from "zod";
import { jsonOrNull, postJson, retryAfter } from "../answer.ts";
import type { MailMessage, SendMail } from "./message.ts";

/** Milliseconds that Resend has to answer. */
const TIMEOUT_MS = 20_000;

const Accepted = z.object({ id: z.string().min(1) });

/**
 * Sends by Resend's HTTP API (https://resend.com/docs/api-reference/emails/send-email). The
 * Message-ID serves as its idempotency key, which it remembers for a day.
 */
export function resendSender(
  { key, from, base }: { readonly key: string; readonly from: string; readonly base: string },
): SendMail {
  return async (message) => {
    const answered = await postJson(
      `${base}/emails`,
      { authorization: `Bearer ${key}`, "idempotency-key": message.messageId },
      contentOf(message, from),
      TIMEOUT_MS,
    );
    if ("failure" in answered) return { kind: "retry", error: `Resend: ${answered.failure}` };
    const { response, text } = answered;
    if (response.ok) {
      // Without the id of a mail, it is not Resend that has answered, but a page of a proxy.
      return Accepted.safeParse(jsonOrNull(text)).success
        ? { kind: "sent" }
        : { kind: "retry", error: `Resend's answer names no mail: ${text.slice(0, 300)}` };
    }
    const error = `Resend answered ${response.status}: ${text.slice(0, 300)}`;
    // Only what is wrong with this mail is final; a wrong key or an empty account can be mended.
    return response.status === 422
      ? { kind: "dead", error }
      : { kind: "retry", error, ...retryAfter(response) };
  };
}

function contentOf(message: MailMessage, from: string) {
  return {
    from,
    to: message.to,
    reply_to: message.replyTo ?? undefined,
    subject: message.subject,
    text: message.text,
    html: message.html,
    headers: {
      "Message-ID": `<${message.messageId}>`,
      ...(message.inReplyTo === null ? {} : {
        "In-Reply-To": `<${message.inReplyTo}>`,
        References: `<${message.inReplyTo}>`,
      }),
    },
    attachments: message.attachments.map(({ filename, contentType, content }) => ({
      filename,
      content_type: contentType,
      content: Buffer.from(content).toString("base64"),
    })),
  };
}
