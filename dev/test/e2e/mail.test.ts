import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { createTransport } from "nodemailer";
import { z } from "zod";
import { platform } from "../support/platform-env.ts";

const listSchema = z.object({
  messages: z.array(z.object({
    id: z.string(),
    envelope: z.object({ from: z.string(), to: z.array(z.string()) }),
    message: z.object({
      subject: z.string().optional(),
      text: z.string().optional(),
      attachments: z.array(z.object({ filename: z.string().nullable(), content: z.string() })),
    }),
  })),
});

Deno.test("mail to any address is caught with its attachments", async () => {
  const subject = `Invoice for Ωmega ${crypto.randomUUID()}`;
  const transport = createTransport(platform.smtpUrl);
  await transport.sendMail({
    from: "billing@example.com",
    to: "ada@example.com",
    subject,
    text: "See attached",
    attachments: [{ filename: "invoice.pdf", content: "%PDF" }],
  });
  transport.close();
  const response = await fetch(`${platform.mailUrl}/api/messages`);
  const { messages } = listSchema.parse(await response.json());
  const mail = messages.find(({ message }) => message.subject === subject);
  deepStrictEqual(mail?.envelope, { from: "billing@example.com", to: ["ada@example.com"] });
  match(mail.message.text ?? "", /See attached/);
  deepStrictEqual(mail.message.attachments, [{ filename: "invoice.pdf", content: btoa("%PDF") }]);
  const raw = await fetch(`${platform.mailUrl}/api/messages/${mail.id}/raw`);
  strictEqual(raw.headers.get("content-type"), "message/rfc822");
  match(await raw.text(), /^From: billing@example.com/m);
});
