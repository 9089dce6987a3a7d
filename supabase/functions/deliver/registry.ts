import { hermesNotifier } from "./outbound/hermes.ts";
import { resendSender } from "./outbound/mail/resend.ts";
import { smtpSender } from "./outbound/mail/smtp.ts";
import { archivePdf } from "./kinds/archive.ts";
import type { FileStore } from "../_shared/outbound/storage.ts";
import type { LoadDocument, PdfRenderer } from "./documents.ts";
import { deliverEmail, type EmailPorts } from "./kinds/email.ts";
import { deliverNotification } from "./kinds/hermes.ts";
import type { LogExporter } from "./kinds/log-export.ts";
import type { PriceSyncer } from "./kinds/price-sync.ts";
import type { DeliveryEnvironment } from "./environment.ts";
import type { DeliveryHandler, DeliveryHandlers } from "./types.ts";

/** What handlers share. */
export interface HandlerPorts {
  readonly environment: DeliveryEnvironment;
  readonly loadDocument: LoadDocument;
  readonly renderer: PdfRenderer;
  readonly claimMail: EmailPorts["claimMail"];
  readonly freshPayLink: EmailPorts["freshPayLink"];
  readonly files: FileStore;
  readonly exporter: LogExporter;
  readonly syncer: PriceSyncer;
  /** How invoices get to Stripe, or why they do not. */
  readonly stripe: DeliveryHandler | { readonly off: string };
}

/** The handler of each kind that is on here, and why the others are off. Close it after use. */
export function deliveryHandlers(
  ports: HandlerPorts,
): { readonly handlers: DeliveryHandlers; readonly close: () => void } {
  const mail = emailHandler(ports);
  return {
    handlers: {
      archive: (job) => archivePdf(job, ports),
      stripe: ports.stripe,
      email: mail.handler,
      hermes: hermesHandler(ports.environment),
      log_export: (job) => ports.exporter.store(job),
      price_sync: (job) => ports.syncer.sync(job),
    },
    close: mail.close,
  };
}

function hermesHandler(
  { HERMES_URL, HERMES_CHANNEL }: DeliveryEnvironment,
): DeliveryHandler | { off: string } {
  if (HERMES_URL === undefined) return { off: "HERMES is off: HERMES_URL is not set" };
  const notify = hermesNotifier({ url: HERMES_URL, channel: HERMES_CHANNEL });
  return (job) => deliverNotification(job, notify);
}

/** Resend where its key is given, else SMTP. */
function emailHandler(
  { environment, loadDocument, renderer, claimMail, freshPayLink }: HandlerPorts,
): {
  handler: DeliveryHandler | { off: string };
  close: () => void;
} {
  const ports = { loadDocument, renderer, claimMail, freshPayLink };
  const { BILLING_FROM: from, RESEND_API_KEY: key, SMTP_URL: url } = environment;
  const nothing = () => {};
  if (from === undefined) {
    return { handler: { off: "mail is off: BILLING_FROM is not set" }, close: nothing };
  }
  if (key !== undefined) {
    const send = resendSender({ key, from, base: environment.RESEND_API_BASE });
    return { handler: (job) => deliverEmail(job, { ...ports, send, from }), close: nothing };
  }
  if (url === undefined) {
    const off = "mail is off: neither SMTP_URL nor RESEND_API_KEY is set";
    return { handler: { off }, close: nothing };
  }
  const { send, close } = smtpSender(url, from);
  return { handler: (job) => deliverEmail(job, { ...ports, send, from }), close };
}
