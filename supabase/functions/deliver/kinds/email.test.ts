import assert from "node:assert/strict";
import {
  ALL_LANGUAGES,
  sampleIn,
  sampleNoteIn,
} from "../../../../shared/document/language-samples.ts";
import { acme } from "../../../../shared/document/samples.ts";
import type { MailMessage } from "../outbound/mail/message.ts";
import type { DeliveredDocument } from "../documents.ts";
import { deliverEmail } from "./email.ts";
import type { DeliveryJob } from "../types.ts";

const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";
const JOB: DeliveryJob = {
  id: "1",
  kind: "email",
  event: "invoice_issued",
  dedupe_key: `invoice_issued:${ID}:email`,
  client_id: ID,
  invoice_id: ID,
  credit_note_id: null,
  payload: {},
  lease: ID,
  attempts: 1,
};
const SUBJECT: DeliveredDocument = {
  document: { ...acme, locale: "de-DE" },
  number: "INV-2026-000123",
  clientId: ID,
  status: "open",
  amountDueMinor: 123456,
  email: "client@example.test",
  paymentUrl: "https://pay.example.test/i/1?a=1&b=2",
  stripeInvoiceId: "in_1",
  bankTransfer: [],
  paymentPageUrl: null,
};

/** Delivers to a mail server that takes everything. */
async function deliver(
  job: Partial<DeliveryJob> = {},
  subject: Partial<DeliveredDocument> = {},
  mayMail = true,
  fresh: string | null = null,
) {
  const sent: MailMessage[] = [];
  const outcome = await deliverEmail({ ...JOB, ...job }, {
    from: "LeverEdge <billing@leveredge.test>",
    loadInvitation: () => Promise.resolve(null),
    loadDocument: () => Promise.resolve({ ...SUBJECT, ...subject }),
    claimMail: () => Promise.resolve(mayMail),
    freshPayLink: (id) => Promise.resolve(id === "in_1" ? fresh : null),
    renderer: { render: () => Promise.resolve(new Uint8Array([37, 80])), spent: () => 0 },
    send: (message) => {
      sent.push(message);
      return Promise.resolve({ kind: "sent" });
    },
  });
  return { outcome, mail: sent[0] };
}

Deno.test("an invoice mail has text, HTML, the PDF, and amounts as the client writes them", async () => {
  const { mail } = await deliver();
  assert.deepEqual(mail?.to, ["client@example.test"]);
  assert.match(mail?.subject ?? "", /^Invoice INV-2026-000123 from /);
  assert.match(mail?.text ?? "", /1\.234,56/);
  assert.match(mail?.html ?? "", /1\.234,56/);
  assert.match(mail?.text ?? "", /https:\/\/pay\.example\.test\/i\/1\?a=1&b=2/);
  assert.match(mail?.html ?? "", /href="https:\/\/pay\.example\.test\/i\/1\?a=1&amp;b=2"/);
  assert.deepEqual(mail?.attachments.map(({ filename }) => filename), ["INV-2026-000123.pdf"]);
  assert.equal(mail?.replyTo, SUBJECT.document.seller.email);
});

Deno.test("an invoice that Stripe mails is not mailed by us", async () => {
  const { outcome, mail } = await deliver({}, {}, false);
  assert.deepEqual(outcome, { kind: "skipped", error: "Stripe mails this invoice" });
  assert.equal(mail, undefined);
  const note = { event: "credit_note_issued", credit_note_id: ID };
  assert.equal((await deliver(note, {}, false)).outcome.kind, "done", "its credit notes are");
});

Deno.test("every try of a mail has the same Message-ID; reminders refer to the invoice's", async () => {
  const first = await deliver({ attempts: 1 });
  const second = await deliver({ attempts: 7, lease: crypto.randomUUID() });
  assert.equal(first.mail?.messageId, `invoice_issued.${ID}.email@leveredge.test`);
  assert.equal(second.mail?.messageId, first.mail?.messageId);
  const reminder = await deliver({
    event: "reminder",
    dedupe_key: `reminder:${ID}:7`,
    payload: { days: 7 },
  });
  assert.equal(reminder.mail?.messageId, `reminder.${ID}.7@leveredge.test`);
  assert.equal(reminder.mail?.inReplyTo, first.mail?.messageId);
  assert.match(reminder.mail?.subject ?? "", /^Overdue: invoice INV-2026-000123 was due on /);
});

Deno.test("a payment that failed, or waits for the client's bank, is told with the pay link", async () => {
  const of = (failure: string) =>
    deliver({
      event: "reminder",
      dedupe_key: `${failure}:in_1:2`,
      payload: { days: -3, failure },
    });
  const failed = (await of("payment_failed")).mail;
  assert.equal(failed?.subject, "Payment failed: invoice INV-2026-000123");
  assert.match(failed?.text ?? "", /did not go through/);
  assert.match(failed?.text ?? "", /https:\/\/pay\.example\.test/);
  const waiting = (await of("payment_action_required")).mail;
  assert.equal(waiting?.subject, "Please confirm your payment of invoice INV-2026-000123");
  assert.match(waiting?.text ?? "", /https:\/\/pay\.example\.test/);
});

Deno.test("a reminder has a pay link of today; where there is none, the one that is known", async () => {
  const reminder = { event: "reminder", payload: { days: 60 } };
  const fresh = "https://pay.example.test/fresh";
  assert.match((await deliver(reminder, {}, true, fresh)).mail?.text ?? "", /test\/fresh/);
  assert.match((await deliver(reminder)).mail?.text ?? "", /test\/i\/1/);
  assert.match((await deliver({}, {}, true, fresh)).mail?.text ?? "", /test\/i\/1/);
});

Deno.test("a mail says where to transfer to and where to manage how one pays, if it is known", async () => {
  const bankTransfer = ["IBAN: IE29AIBK93115212345678", "Reference: INV-2026-000123"];
  const paymentPageUrl = "https://example.test/pay";
  const { mail } = await deliver({}, { bankTransfer, paymentPageUrl });
  for (const part of [mail?.text ?? "", mail?.html ?? ""]) {
    assert.match(part, /IBAN: IE29AIBK93115212345678/);
    assert.match(part, /Manage how you pay: https:\/\/example\.test\/pay/);
  }
  const paid = await deliver({}, { bankTransfer, amountDueMinor: 0 });
  assert.doesNotMatch(paid.mail?.text ?? "", /IBAN|Manage/);
});

Deno.test("hostile names are text in every part", async () => {
  const name = "<img src=x onerror=alert(1)>\r\nBcc: all@example.test";
  const { mail } = await deliver({}, {
    document: { ...acme, seller: { ...acme.seller, name }, client: { ...acme.client, name } },
  });
  assert.equal(mail?.html.includes("<img"), false);
  assert.equal(/[\r\n]/.test(mail?.subject ?? ""), false);
});

Deno.test("a paid invoice is not reminded of, a void one is not sent", async () => {
  const reminder = { event: "reminder", payload: { days: 7 } };
  assert.equal((await deliver(reminder, { status: "paid" })).outcome.kind, "skipped");
  assert.equal((await deliver(reminder, { amountDueMinor: 0 })).outcome.kind, "skipped");
  const { outcome, mail } = await deliver({}, { status: "void" });
  assert.equal(outcome.kind, "skipped");
  assert.equal(mail, undefined);
});

Deno.test("a paid invoice asks for nothing", async () => {
  const { mail } = await deliver({}, { status: "paid", amountDueMinor: 0 });
  assert.match(mail?.text ?? "", /There is nothing to pay/);
  assert.equal(mail?.html.includes("pay.example.test"), false);
});

Deno.test("without an address it is dead, and says so", async () => {
  const { outcome } = await deliver({}, { email: null });
  assert.deepEqual(outcome, {
    kind: "dead",
    error: "the client has no e-mail address any more",
  });
});

Deno.test("a notice goes to operators as it was written", async () => {
  const { mail } = await deliver({
    event: "notice",
    dedupe_key: "run:1:email",
    payload: { to: ["ops@example.test"], subject: "Billing run", text: "One\nTwo" },
  });
  assert.deepEqual(mail?.to, ["ops@example.test"]);
  assert.match(mail?.text ?? "", /One\nTwo/);
});

Deno.test("a notice of any size is a mail of bounded size", async () => {
  const { mail } = await deliver({
    event: "notice",
    dedupe_key: "run:1:email",
    payload: { to: ["ops@example.test"], subject: "s".repeat(5000), text: "t".repeat(900_000) },
  });
  assert.equal(mail?.subject.length, 200);
  assert.ok((mail?.text.length ?? 0) < 21_000, `${mail?.text.length}`);
  assert.ok((mail?.html.length ?? 0) < 60_000, `${mail?.html.length}`);
});

Deno.test("nothing in a notice turns text around or moves a cursor", async () => {
  const { mail } = await deliver({
    event: "notice",
    dedupe_key: "run:2:email",
    payload: { to: ["ops@example.test"], subject: "A\u202eB\n", text: "One\u202e\u001b[2J\nTwo" },
  });
  assert.equal(mail?.subject, "AB");
  assert.match(mail?.text ?? "", /One \[2J\nTwo/);
  const sent = `${mail?.text}${mail?.html}`;
  assert.deepEqual(["\u202e", "\u001b"].filter((character) => sent.includes(character)), []);
});

Deno.test("a German mail is German in subject, HTML and text", async () => {
  const { mail } = await deliver({}, { document: sampleIn("de"), amountDueMinor: 14375 });
  assert.equal(mail?.subject, "Rechnung INV-2026-000123 von LeverEdge AI, Inc.");
  assert.match(mail?.html ?? "", /^<!doctype html>\n<html lang="de"><head>/);
  assert.equal(
    mail?.text.replaceAll("\u00a0", " "),
    `Rechnung INV-2026-000123

Guten Tag Birke & Söhne GmbH,

anbei erhalten Sie Ihre Rechnung. Vielen Dank für die Zusammenarbeit.

Zu zahlen: 143,75 €

Rechnung ansehen und bezahlen: https://pay.example.test/i/1?a=1&b=2

Zeitraum:        01.06.2026 – 30.06.2026
Ausgestellt:     01.07.2026
Fällig:          31.07.2026
Rechnungsbetrag: 198,75 €

Bank transfer to LeverEdge AI, Inc.
Account 000123456789, routing 110000000
Please quote the invoice number.

LeverEdge AI, Inc. · 548 Market Street, Suite 200 · San Francisco, CA 94104 · United States · \
billing@leveredge.example · leveredge.example

--${" "}
LeverEdge AI, Inc.
`,
  );
});

Deno.test("an Arabic mail runs to the left, and its values keep their order", async () => {
  const { mail } = await deliver(
    { event: "reminder", payload: { days: 9 } },
    { document: sampleIn("ar"), amountDueMinor: 14375 },
  );
  assert.equal(mail?.subject, "متأخرة: الفاتورة INV-2026-000123 استحقت في 31/07/2026");
  assert.match(mail?.html ?? "", /^<!doctype html>\n<html lang="ar" dir="rtl"><head>/);
  assert.match(mail?.html ?? "", /الفاتورة <bdi>INV-2026-000123<\/bdi> متأخرة السداد/);
  assert.match(mail?.html ?? "", /<td align="left" style="padding:9px 0;/);
  assert.doesNotMatch(mail?.html ?? "", /letter-spacing:-?0\.|\u2068|\u2069/);
  assert.match(mail?.text ?? "", /المبلغ المستحق: \u2068€143\.75\u2069\n/);
  assert.match(
    mail?.text ?? "",
    /^عرض الفاتورة ودفعها: https:\/\/pay\.example\.test\/i\/1\?a=1&b=2$/m,
  );
  assert.match(
    mail?.text ?? "",
    /^الفترة: من \u206801\/06\/2026\u2069 إلى \u206830\/06\/2026\u2069$/m,
  );
});

Deno.test("every mail is in each language, and none of its words is English", async () => {
  const reminder = (payload: Record<string, unknown>) => ({ event: "reminder", payload });
  const jobs: readonly Partial<DeliveryJob>[] = [
    {},
    reminder({ days: -3 }),
    reminder({ days: 0 }),
    reminder({ days: 9 }),
    reminder({ days: 1, failure: "payment_failed" }),
    reminder({ days: 1, failure: "payment_action_required" }),
    { event: "credit_note_issued", credit_note_id: ID },
  ];
  for (const language of ALL_LANGUAGES.filter((one) => one !== "en")) {
    for (const job of jobs) {
      const isNote = job.event === "credit_note_issued";
      const document = isNote ? sampleNoteIn(language) : sampleIn(language);
      const { mail } = await deliver(job, {
        document: { ...document, seller: { ...document.seller, payment_instructions: null } },
        amountDueMinor: 14375,
      });
      const said = `${mail?.subject}\n${mail?.text}`.replaceAll(/https:\S+|LeverEdge.*/g, "");
      assert.doesNotMatch(
        said,
        /\b(invoice|due|your|please|reminder|overdue|dear|credit note|issued|paid|view|if)\b|\{/i,
        `${language} ${job.event}`,
      );
      assert(mail?.html.includes(`<html lang="${language}"`));
    }
  }
});
