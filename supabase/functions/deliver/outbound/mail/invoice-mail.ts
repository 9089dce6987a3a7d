import { formatDay, formatMoney, localeFormat } from "../../../../../shared/document/locale.ts";
import type { LocaleFormat } from "../../../../../shared/document/locale.ts";
import type { InvoiceDocument } from "../../../../../shared/document/schema.ts";
import { cleanLines, cleanOptional, cleanText } from "../../../../../shared/document/text.ts";
import { rangeText } from "../../../../../shared/document/view.ts";
import type { MailContent } from "./template.ts";

/** What an invoice mail is made of, besides the document as issued. */
export interface InvoiceMailInput {
  readonly document: InvoiceDocument;
  readonly number: string;
  /** Of the invoice now: what has been paid and credited is taken off. */
  readonly amountDueMinor: number;
  readonly paymentUrl: string | null;
  /** Where it can be transferred to, line by line. */
  readonly bankTransfer: readonly string[];
  /** Where the client manages how it pays. */
  readonly paymentPageUrl: string | null;
}

/** The mail that brings an invoice, with dates and amounts as the client's locale writes them. */
export function invoiceMail(input: InvoiceMailInput): MailContent & { subject: string } {
  const { number, amountDueMinor } = input;
  const seller = cleanText(input.document.seller.name);
  const settled = amountDueMinor <= 0;
  return {
    ...frame(input),
    subject: `Invoice ${number} from ${seller}`,
    title: `Invoice ${number}`,
    paragraphs: [
      greeting(input.document),
      settled
        ? "Your invoice is attached. There is nothing to pay: it is covered already."
        : "Your invoice is attached. Thank you for working with us.",
    ],
  };
}

/** The mail that reminds of an open invoice, `days` after its due day (negative: before). */
export function reminderMail(
  input: InvoiceMailInput,
  days: number,
): MailContent & { subject: string } {
  const { document, number } = input;
  const due = dueText(document);
  const sentence = days < 0
    ? `This is a friendly reminder that invoice ${number} is due on ${due}.`
    : days === 0
    ? `Invoice ${number} is due today, ${due}.`
    : `Invoice ${number} was due on ${due}. We have not received your payment yet.`;
  return {
    ...frame(input),
    subject: days <= 0
      ? `Reminder: invoice ${number} is due ${days === 0 ? "today" : `on ${due}`}`
      : `Overdue: invoice ${number} was due on ${due}`,
    title: `Invoice ${number} is ${days < 0 ? "due soon" : days === 0 ? "due today" : "overdue"}`,
    paragraphs: [
      greeting(document),
      sentence,
      "If you have paid in the meantime, please disregard this mail.",
    ],
  };
}

/** The mail that tells a client of a payment that did not go through, or that it must confirm. */
export function failureMail(
  input: InvoiceMailInput,
  failure: "payment_failed" | "payment_action_required",
): MailContent & { subject: string } {
  const { document, number } = input;
  const failed = failure === "payment_failed";
  const subject = failed
    ? `Payment failed: invoice ${number}`
    : `Please confirm your payment of invoice ${number}`;
  return {
    ...frame(input),
    subject,
    title: subject,
    paragraphs: [
      greeting(document),
      failed
        ? `Your payment of invoice ${number} did not go through; the amount below is still open.`
        : `Your bank wants you to confirm the payment of invoice ${number}.`,
      "If you have paid in the meantime, please disregard this mail.",
    ],
  };
}

/** The mail that brings a credit note. */
export function creditNoteMail(
  { document, number }: Pick<InvoiceMailInput, "document" | "number">,
): MailContent & { subject: string } {
  const invoice = document.references.invoice_number ?? "your invoice";
  const reason = cleanOptional(document.references.reason);
  return {
    ...frame({
      document,
      number,
      amountDueMinor: 0,
      paymentUrl: null,
      bankTransfer: [],
      paymentPageUrl: null,
    }),
    subject: `Credit note ${number} from ${cleanText(document.seller.name)}`,
    title: `Credit note ${number}`,
    paragraphs: [
      greeting(document),
      `The attached credit note belongs to invoice ${invoice}.`,
    ],
    figure: { label: "Credited", value: money(document.totals.total_minor, document) },
    facts: [
      { label: "Invoice", value: invoice },
      ...(reason === null ? [] : [{ label: "Reason", value: reason }]),
    ],
  };
}

function frame(
  { document, amountDueMinor, paymentUrl, bankTransfer, paymentPageUrl }: InvoiceMailInput,
): Omit<MailContent, "title" | "paragraphs"> {
  const format = localeFormat(document.locale);
  const { period, issued_on, due_on, totals } = document;
  const owed = amountDueMinor > 0;
  return {
    brand: cleanText(document.seller.name),
    figure: {
      label: owed ? "Amount due" : "Total",
      value: money(owed ? amountDueMinor : totals.total_minor, document),
    },
    button: owed && paymentUrl !== null
      ? { label: "View and pay the invoice", url: paymentUrl }
      : null,
    facts: [
      ...(period === null ? [] : [{ label: "Period", value: rangeText(period, format) }]),
      ...day("Issued", issued_on, format),
      ...(owed ? day("Due", due_on, format) : []),
      ...(owed && amountDueMinor !== totals.total_minor
        ? [{ label: "Invoice total", value: money(totals.total_minor, document) }]
        : []),
    ],
    closing: [
      ...(owed && document.seller.payment_instructions !== null
        ? [cleanLines(document.seller.payment_instructions).join("\n")]
        : []),
      ...(owed && bankTransfer.length > 0
        ? [["To pay by bank transfer:", ...bankTransfer.map(cleanText)].join("\n")]
        : []),
      ...(paymentPageUrl === null ? [] : [`Manage how you pay: ${paymentPageUrl}`]),
      sellerLine(document),
    ],
  };
}

function greeting({ client }: InvoiceDocument): string {
  return `Dear ${cleanText(client.name)},`;
}

function dueText(document: InvoiceDocument): string {
  return document.due_on === null ? "" : formatDay(document.due_on, localeFormat(document.locale));
}

function day(label: string, value: string | null, format: LocaleFormat) {
  return value === null ? [] : [{ label, value: formatDay(value, format) }];
}

function money(minor: number, document: InvoiceDocument): string {
  return formatMoney(minor, document, localeFormat(document.locale));
}

function sellerLine({ seller }: InvoiceDocument): string {
  const parts = [seller.name, ...seller.address, seller.email ?? "", seller.website ?? ""];
  return parts.map(cleanText).filter((part) => part !== "").join(" · ");
}
