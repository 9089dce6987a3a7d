import { ok } from "node:assert/strict";
import { z } from "zod";
import { platform } from "./platform-env.ts";

const Mails = z.object({
  messages: z.array(z.object({
    envelope: z.object({ to: z.array(z.string()) }),
    message: z.object({ text: z.string().optional(), html: z.string().optional() }),
  })),
});

/** The newest link of Auth's mails to that address. */
export async function mailedLink(email: string): Promise<string> {
  const answer = await fetch(`${platform.mailUrl}/api/messages`);
  const links = Mails.parse(await answer.json()).messages
    .filter(({ envelope }) => envelope.to.includes(email))
    .flatMap(({ message: { html, text } }) =>
      /https?:\/\/[^\s"<>]+verify[^\s"<>]+/.exec(`${html} ${text}`)?.[0] ?? []
    );
  const link = links.at(-1);
  ok(link !== undefined, "the mail holds the link");
  return link.replaceAll("&amp;", "&");
}
