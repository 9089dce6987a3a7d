import { Buffer } from "node:buffer";
import { createTransport, type Transporter } from "nodemailer";
import { z } from "zod";
import { isLoopback } from "../../../_shared/outbound/key-url.ts";
import type { SendMail } from "./message.ts";

/** What nodemailer says of a failure, as far as we decide by it. */
const failure = z.object({
  message: z.string(),
  code: z.string().optional(),
  responseCode: z.int().optional(),
});

/**
 * Sends by SMTP, `smtps://user:pass@host:465` or `smtp://…`. Call `close` when no more is to be
 * sent. Refused for good are only addresses (5xx to RCPT TO): a server that refuses us for another
 * reason may be mended, so that is tried again.
 */
export function smtpSender(url: string, from: string): { send: SendMail; close: () => void } {
  const transport: Transporter = createTransport(smtpUrl(url));
  return {
    send: async (message) => {
      try {
        await transport.sendMail({
          from,
          to: [...message.to],
          replyTo: message.replyTo ?? undefined,
          subject: message.subject,
          text: message.text,
          html: message.html,
          messageId: `<${message.messageId}>`,
          ...(message.inReplyTo === null ? {} : {
            inReplyTo: `<${message.inReplyTo}>`,
            references: `<${message.inReplyTo}>`,
          }),
          headers: { "Auto-Submitted": "auto-generated" },
          attachments: message.attachments.map(({ filename, contentType, content }) => ({
            filename,
            contentType,
            content: Buffer.from(content),
          })),
        });
        return { kind: "sent" };
      } catch (error) {
        return explain(error);
      }
    },
    close: () => transport.close(),
  };
}

function explain(error: unknown): Awaited<ReturnType<SendMail>> {
  const parsed = failure.safeParse(error);
  if (!parsed.success) return { kind: "retry", error: `SMTP: ${String(error)}` };
  const { message, code, responseCode } = parsed.data;
  const refused = code === "EENVELOPE" && responseCode !== undefined && responseCode >= 550;
  return { kind: refused ? "dead" : "retry", error: `SMTP: ${message}` };
}

/**
 * The URL with options, which nodemailer reads from there. Milliseconds. A password goes to another
 * machine only through TLS: a server that offers none, or in whose name it was left out, gets none.
 */
export function smtpUrl(url: string): string {
  const parsed = new URL(url);
  const mustHide = parsed.password !== "" && !isLoopback(parsed.hostname);
  const options: Record<string, string> = {
    ...mustHide && parsed.protocol === "smtp:" ? { requireTLS: "true" } : {},
    pool: "true",
    maxConnections: "3",
    connectionTimeout: "10000",
    greetingTimeout: "10000",
    socketTimeout: "20000",
  };
  for (const [name, value] of Object.entries(options)) {
    if (!parsed.searchParams.has(name)) parsed.searchParams.set(name, value);
  }
  return parsed.href;
}
