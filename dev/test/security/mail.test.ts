import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { acme } from "../../../shared/document/samples.ts";
import { renderHtml } from "../../../shared/document/html.ts";
import { invoiceView } from "../../../shared/document/view.ts";
import type { DeliveredDocument } from "../../../supabase/functions/deliver/documents.ts";
import { deliverEmail } from "../../../supabase/functions/deliver/kinds/email.ts";
import type { DeliveryJob } from "../../../supabase/functions/deliver/types.ts";
import { smtpSender } from "../../../supabase/functions/deliver/outbound/mail/smtp.ts";
import { startMail } from "../../platform/mail.ts";
import { freePort } from "../../platform/ports.ts";

const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";
const INJECTED = "Evil\r\nBcc: victim@example.test\r\nX-Injected: yes\r\n\r\n<b>body</b>";
const TEMPLATES = "<%= 7 * 191 %> <%~ it.brand %> <% throw 1 %> ${7*191} {{7*191}} #{7*191} %>";
const JOB: DeliveryJob = {
  id: "1",
  kind: "email",
  event: "invoice_issued",
  dedupe_key: `invoice_issued:${ID}\r\nX-Injected: yes`,
  client_id: ID,
  invoice_id: ID,
  credit_note_id: null,
  payload: {},
  lease: ID,
  attempts: 1,
};

/** Mails a document with a name in all its texts through SMTP, as the worker does. */
async function mailed(
  text: string,
  { job = {}, subject = {} }: {
    readonly job?: Partial<DeliveryJob>;
    readonly subject?: Partial<DeliveredDocument>;
  } = {},
) {
  const mail = await startMail(freePort(0), freePort(0));
  const sender = smtpSender(`smtp://127.0.0.1:${mail.smtpPort}`, "B <billing@seller.test>");
  const subjects: string[] = [];
  try {
    const outcome = await deliverEmail({ ...JOB, ...job }, {
      from: "B <billing@seller.test>",
      loadInvitation: () => Promise.resolve(null),
      loadDocument: () =>
        Promise.resolve({
          document: hostile(text),
          number: "INV-2026-000123",
          clientId: ID,
          status: "open",
          amountDueMinor: 100,
          email: "client@example.test",
          paymentUrl: "https://pay.example.test/1",
          stripeInvoiceId: null,
          bankTransfer: [],
          paymentPageUrl: null,
          ...subject,
        }),
      claimMail: () => Promise.resolve(true),
      freshPayLink: () => Promise.resolve(null),
      renderer: { render: () => Promise.resolve(new Uint8Array([37, 80])), spent: () => 0 },
      send: (message) => {
        subjects.push(message.subject);
        return sender.send(message);
      },
    });
    const { messages } = await (await fetch(`${mail.viewUrl}/api/messages`)).json();
    const raw = messages.length === 0
      ? ""
      : await (await fetch(`${mail.viewUrl}/api/messages/${messages[0].id}/raw`)).text();
    return { outcome, messages, subjects, headers: raw.split("\r\n\r\n")[0] ?? "" };
  } finally {
    sender.close();
    await mail.stop();
  }
}

function hostile(text: string) {
  const { seller, client } = acme;
  return {
    ...acme,
    seller: { ...seller, name: text, address: [text], email: text, payment_instructions: text },
    client: { ...client, name: text, address: [text], tax_id: text },
    lines: acme.lines.map((line) => ({ ...line, description: text, detail: text })),
  };
}

Deno.test("line breaks in names, subjects and addresses make no header and no receiver", async () => {
  const notice = {
    event: "notice",
    invoice_id: null,
    payload: { to: ["ops@example.test"], subject: INJECTED, text: INJECTED },
  };
  for (
    const [job, receiver] of [[{}, "client@example.test"], [notice, "ops@example.test"]] as const
  ) {
    const { outcome, messages, subjects, headers } = await mailed(INJECTED, { job });
    // Not left to the sender: Resend takes it as it is.
    ok(subjects.every((subject) => !/\p{Cc}/u.test(subject)), subjects.join());
    strictEqual(outcome.kind, "done");
    deepStrictEqual(messages[0].envelope, { from: "billing@seller.test", to: [receiver] });
    ok(!/^(x-injected|bcc|cc):/im.test(headers), headers);
    strictEqual(headers.match(/^(to|from|subject|message-id):/gim)?.length, 4, headers);
    // What the seller wrote as an address is none: nobody is named to answer to.
    ok(!/^reply-to:/im.test(headers), headers);
    match(messages[0].message.subject, /Evil Bcc: victim@example\.test X-Injected: yes/);
  }
});

Deno.test("an address that would be read as several, or as another's, gets no mail", async () => {
  for (
    const email of [
      "a@x.test,b@y.test",
      "victim,a@x.test",
      "<victim>a@x.test",
      "victim;a@x.test",
      "group:a@x.test",
      "a@x.test\r\nBcc: b@y.test",
      "(comment)a@x.test",
      '"quoted"a@x.test',
      "a\u0000@x.test",
      "a @x.test",
      "nobody",
      "",
    ]
  ) {
    const { outcome, messages } = await mailed("Name", { subject: { email } });
    deepStrictEqual([outcome.kind, messages.length], ["dead", 0], JSON.stringify(email));
  }
});

Deno.test("template tags in data are text: in the mail, in its subject, in the HTML invoice", async () => {
  const { messages } = await mailed(TEMPLATES);
  const { subject, html, text } = messages[0].message;
  const page = renderHtml(invoiceView(hostile(TEMPLATES)));
  for (const written of [subject, html, text, page]) {
    ok(!written.includes("1337"), "something was evaluated");
    match(written, /(&lt;|<)%= 7 \* 191 %(&gt;|>)/);
  }
  for (const written of [html, page]) ok(!written.includes("<%"), "escaped");
});

Deno.test("a link to pay cannot leave its attribute, nor run", async () => {
  const paymentUrl = 'https://pay.example.test/"><script>alert(1)</script>';
  const { messages } = await mailed("Name", { subject: { paymentUrl } });
  ok(!messages[0].message.html.includes("<script"), "escaped");
});
