import { z } from "zod";
import { cleanText, plainMessage } from "../../../../shared/document/text.ts";
import {
  creditNoteMail,
  failureMail,
  invoiceMail,
  reminderMail,
} from "../outbound/mail/invoice-mail.ts";
import { invitationMail } from "../outbound/mail/invitation-mail.ts";
import { wordsOf } from "../../../../shared/words/words.ts";
import { cutText, MESSAGE_CHARACTERS, SUBJECT_CHARACTERS } from "../outbound/cut-text.ts";
import { type MailMessage, messageIdOf, type SendMail } from "../outbound/mail/message.ts";
import { type MailContent, mailHtml, mailText } from "../outbound/mail/template.ts";
import { type DeliveredDocument, type LoadDocument, pdfName } from "../documents.ts";
import type { PdfRenderer } from "../documents.ts";
import type { LoadInvitation } from "../invitations.ts";
import { resendSender } from "../outbound/mail/resend.ts";
import { smtpSender } from "../outbound/mail/smtp.ts";
import type { DeliveryKindModule } from "../kind.ts";
import type { DeliveryJob } from "../types.ts";
import type { DeliveryOutcome } from "../../_shared/outbound/outcome.ts";

/** Resend where its key is given, else SMTP. */
export const kind: DeliveryKindModule = {
  portion: 2,
  open: (ports) => {
    const { BILLING_FROM: from, RESEND_API_KEY: key, SMTP_URL: url } = ports.environment;
    if (from === undefined) return { off: "mail is off: BILLING_FROM is not set" };
    if (key !== undefined) {
      const send = resendSender({ key, from, base: ports.environment.RESEND_API_BASE });
      return { handler: (job) => deliverEmail(job, { ...ports, send, from }) };
    }
    if (url === undefined) {
      return { off: "mail is off: neither SMTP_URL nor RESEND_API_KEY is set" };
    }
    const { send, close } = smtpSender(url, from);
    return { handler: (job) => deliverEmail(job, { ...ports, send, from }), close };
  },
};

/**
 * One address and nothing else: a comma, a semicolon or brackets would let it be read as several,
 * or as a name beside another address.
 */
const Address = z.string().max(254).regex(/^[^\s@,;:<>()"\\[\]\p{Cc}]+@[^\s@,;:<>()"\\\p{Cc}]+$/u);
const noticePayload = z.object({
  to: z.array(Address).min(1),
  subject: z.string(),
  text: z.string(),
});
const reminderPayload = z.object({
  days: z.int(),
  failure: z.enum(["payment_failed", "payment_action_required"]).optional(),
});

/** What mailing needs from outside. */
export interface EmailPorts {
  readonly loadDocument: LoadDocument;
  readonly loadInvitation: LoadInvitation;
  readonly renderer: PdfRenderer;
  readonly send: SendMail;
  /** Whether we mail an invoice; false where Stripe does. */
  readonly claimMail: (invoiceId: string) => Promise<boolean>;
  /** A pay link that has not expired, of an invoice of Stripe; null where there is none. */
  readonly freshPayLink: (stripeInvoiceId: string) => Promise<string | null>;
  /** `BILLING_FROM`: the Message-ID's domain is its. */
  readonly from: string;
}

/** Mails an invoice, credit note or reminder to the client, a notice to operators, or a member. */
export async function deliverEmail(job: DeliveryJob, ports: EmailPorts): Promise<DeliveryOutcome> {
  const composed = job.event === "notice"
    ? composeNotice(job, ports.from)
    : job.event === "invitation"
    ? await composeInvitation(job, ports)
    : await composeForClient(job, ports);
  if ("outcome" in composed) return composed.outcome;
  if (job.event === "invoice_issued" && !await ports.claimMail(job.invoice_id ?? "")) {
    return { kind: "skipped", error: "Stripe mails this invoice" };
  }
  const answer = await ports.send(composed.message);
  if (answer.kind !== "sent") return answer;
  return {
    kind: "done",
    externalId: composed.message.messageId,
    details: { to: composed.message.to },
  };
}

type Composed = { readonly message: MailMessage } | { readonly outcome: DeliveryOutcome };

function composeNotice(job: DeliveryJob, from: string): Composed {
  const payload = noticePayload.safeParse(job.payload);
  if (!payload.success) return refuse("dead", `payload: ${z.prettifyError(payload.error)}`);
  const { to } = payload.data;
  const text = cutText(payload.data.text, MESSAGE_CHARACTERS);
  const subject = cutText(cleanText(payload.data.subject), SUBJECT_CHARACTERS);
  const content = {
    words: wordsOf("en"),
    brand: "LeverEdge Billing",
    title: subject,
    paragraphs: plainMessage(text).split(/\n{2,}/),
    figure: null,
    facts: [],
    button: null,
    closing: [],
  };
  return { message: { ...envelope(job, from, content), to, subject, replyTo: null } };
}

async function composeInvitation(
  job: DeliveryJob,
  { loadInvitation, from }: EmailPorts,
): Promise<Composed> {
  const invitation = await loadInvitation(job);
  if (invitation === null) return refuse("skipped", "the user is no member any more");
  const { email } = invitation;
  if (!Address.safeParse(email).success) return refuse("dead", "the user's is not one address");
  const { subject, ...content } = invitationMail(invitation);
  return {
    message: {
      ...envelope(job, from, content),
      to: [email],
      subject: cutText(cleanText(subject), SUBJECT_CHARACTERS),
      replyTo: null,
    },
  };
}

async function composeForClient(
  job: DeliveryJob,
  { loadDocument, renderer, from, freshPayLink }: EmailPorts,
): Promise<Composed> {
  const subject = await loadDocument(job);
  if (subject === null) return refuse("dead", "there is no document to send");
  const { document, email, status } = subject;
  if (email === null) return refuse("dead", "the client has no e-mail address any more");
  if (!Address.safeParse(email).success) {
    return refuse("dead", "the client's e-mail address is not one address");
  }
  if (job.event !== "credit_note_issued" && status === "void") {
    return refuse("skipped", "the invoice is void");
  }
  if (job.event === "reminder" && (status !== "open" || subject.amountDueMinor <= 0)) {
    return refuse("skipped", "there is nothing left to pay");
  }
  const { stripeInvoiceId } = subject;
  const paymentUrl = job.event === "reminder" && stripeInvoiceId !== null
    ? await freshPayLink(stripeInvoiceId) ?? subject.paymentUrl
    : subject.paymentUrl;
  const { subject: line, ...content } = contentFor(job, { ...subject, paymentUrl });
  const first = messageIdOf(`invoice_issued:${job.invoice_id}:email`, from);
  return {
    message: {
      ...envelope(job, from, content),
      to: [email],
      subject: line,
      replyTo: Address.safeParse(document.seller.email).data ?? null,
      inReplyTo: job.event === "invoice_issued" ? null : first,
      attachments: [{
        filename: pdfName(subject),
        contentType: "application/pdf",
        content: await renderer.render(subject),
      }],
    },
  };
}

function contentFor(job: DeliveryJob, subject: DeliveredDocument) {
  if (job.event === "credit_note_issued") return creditNoteMail(subject);
  if (job.event !== "reminder") return invoiceMail(subject);
  const { days, failure } = reminderPayload.parse(job.payload);
  return failure === undefined ? reminderMail(subject, days) : failureMail(subject, failure);
}

function envelope(
  job: DeliveryJob,
  from: string,
  content: MailContent,
): Pick<MailMessage, "messageId" | "inReplyTo" | "attachments" | "html" | "text"> {
  return {
    messageId: messageIdOf(job.dedupe_key, from),
    inReplyTo: null,
    attachments: [],
    html: mailHtml(content),
    text: mailText(content),
  };
}

function refuse(kind: "dead" | "skipped", error: string): Composed {
  return { outcome: { kind, error } };
}
