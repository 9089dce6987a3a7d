import { formatDay, formatMoney } from "../../../../../shared/document/locale.ts";
import { lineTextOf, type Reader, readerOf } from "../../../../../shared/document/reader.ts";
import type { InvoiceDocument } from "../../../../../shared/document/schema.ts";
import { cleanLines, cleanOptional, cleanText } from "../../../../../shared/document/text.ts";
import { rangeText } from "../../../../../shared/document/view.ts";
import { reasonText } from "../../../../../shared/words/line-words.ts";
import { say, withoutIsolates, type WordKey } from "../../../../../shared/words/words.ts";
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

/** A mail with its subject. */
type Mail = MailContent & { readonly subject: string };

/** The mail that brings an invoice, in the document's words, with its dates and amounts. */
export function invoiceMail(input: InvoiceMailInput): Mail {
  const { document, number, amountDueMinor } = input;
  const { words } = readerOf(document);
  const values = { number, seller: cleanText(document.seller.name) };
  return {
    ...frame(input),
    subject: subjectOf(document, "invoiceSubject", values),
    title: say(words, "invoiceTitle", values),
    paragraphs: [
      greeting(document),
      words.texts[amountDueMinor <= 0 ? "attachedSettled" : "attached"],
    ],
  };
}

/** The mail that reminds of an open invoice, `days` after its due day (negative: before). */
export function reminderMail(input: InvoiceMailInput, days: number): Mail {
  const { document, number } = input;
  const { words } = readerOf(document);
  const values = { number, day: dueText(document) };
  const when = days < 0 ? "soon" : days === 0 ? "today" : "overdue";
  return {
    ...frame(input),
    subject: subjectOf(document, `${when}Subject`, values),
    title: say(words, `${when}Title`, values),
    paragraphs: [
      greeting(document),
      say(words, `${when}Text`, values),
      words.texts.disregard,
    ],
  };
}

/** The mail that tells a client of a payment that did not go through, or that it must confirm. */
export function failureMail(
  input: InvoiceMailInput,
  failure: "payment_failed" | "payment_action_required",
): Mail {
  const { document, number } = input;
  const { words } = readerOf(document);
  const what = failure === "payment_failed" ? "failed" : "confirm";
  return {
    ...frame(input),
    subject: subjectOf(document, `${what}Subject`, { number }),
    title: say(words, `${what}Subject`, { number }),
    paragraphs: [
      greeting(document),
      say(words, `${what}Text`, { number }),
      words.texts.disregard,
    ],
  };
}

/** The mail that brings a credit note. */
export function creditNoteMail(
  { document, number }: Pick<InvoiceMailInput, "document" | "number">,
): Mail {
  const reader = readerOf(document);
  const { words } = reader;
  const { texts } = words;
  const invoice = document.references.invoice_number ?? texts.yourInvoice;
  const reason = cleanOptional(document.references.reason);
  const values = { number, seller: cleanText(document.seller.name) };
  return {
    ...frame({
      document,
      number,
      amountDueMinor: 0,
      paymentUrl: null,
      bankTransfer: [],
      paymentPageUrl: null,
    }),
    subject: subjectOf(document, "noteSubject", values),
    title: say(words, "noteTitle", values),
    paragraphs: [
      greeting(document),
      say(words, "noteText", { invoice }),
    ],
    figure: { label: texts.credited, value: money(document.totals.total_minor, document, reader) },
    facts: [
      { label: texts.invoice, value: invoice },
      ...(reason === null
        ? []
        : [{ label: texts.reason, value: reasonText(reason, lineTextOf(reader, document)) }]),
    ],
  };
}

function frame(
  { document, amountDueMinor, paymentUrl, bankTransfer, paymentPageUrl }: InvoiceMailInput,
): Omit<MailContent, "title" | "paragraphs"> {
  const reader = readerOf(document);
  const { words } = reader;
  const { texts } = words;
  const { period, issued_on, due_on, totals } = document;
  const owed = amountDueMinor > 0;
  return {
    words,
    brand: cleanText(document.seller.name),
    figure: {
      label: owed ? texts.amountDue : texts.total,
      value: money(owed ? amountDueMinor : totals.total_minor, document, reader),
    },
    button: owed && paymentUrl !== null ? { label: texts.viewAndPay, url: paymentUrl } : null,
    facts: [
      ...(period === null ? [] : [{ label: texts.period, value: rangeText(period, reader) }]),
      ...day(texts.issued, issued_on, reader),
      ...(owed ? day(texts.due, due_on, reader) : []),
      ...(owed && amountDueMinor !== totals.total_minor
        ? [{ label: texts.invoiceTotal, value: money(totals.total_minor, document, reader) }]
        : []),
    ],
    closing: [
      ...(owed && document.seller.payment_instructions !== null
        ? [cleanLines(document.seller.payment_instructions).join("\n")]
        : []),
      ...(owed && bankTransfer.length > 0
        ? [[texts.byTransfer, ...bankTransfer.map(cleanText)].join("\n")]
        : []),
      ...(paymentPageUrl === null ? [] : [say(words, "managePaying", { url: paymentPageUrl })]),
      sellerLine(document),
    ],
  };
}

/** A subject is one line of plain text: readers of mail show it in a list of their own. */
function subjectOf(
  document: InvoiceDocument,
  key: WordKey,
  values: Readonly<Record<string, string>>,
): string {
  return withoutIsolates(say(readerOf(document).words, key, values));
}

function greeting(document: InvoiceDocument): string {
  return say(readerOf(document).words, "dear", { name: cleanText(document.client.name) });
}

function dueText(document: InvoiceDocument): string {
  return document.due_on === null ? "" : formatDay(document.due_on, readerOf(document).format);
}

function day(label: string, value: string | null, { format }: Reader) {
  return value === null ? [] : [{ label, value: formatDay(value, format) }];
}

function money(minor: number, document: InvoiceDocument, { format }: Reader): string {
  return formatMoney(minor, document, format);
}

function sellerLine({ seller }: InvoiceDocument): string {
  const parts = [seller.name, ...seller.address, seller.email ?? "", seller.website ?? ""];
  return parts.map(cleanText).filter((part) => part !== "").join(" · ");
}
