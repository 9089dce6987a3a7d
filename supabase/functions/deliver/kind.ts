import type { DeliveryOutcome } from "../_shared/outbound/outcome.ts";
import type { FileStore } from "../_shared/outbound/storage.ts";
import type { LoadDocument, PdfRenderer } from "./documents.ts";
import type { DeliveryEnvironment } from "./environment.ts";
import type { LoadInvitation } from "./invitations.ts";
import type { DeliveryHandler, DeliveryJob, KindOff } from "./types.ts";

/** What the kinds use of the world outside. */
export interface KindPorts {
  readonly environment: DeliveryEnvironment;
  readonly loadDocument: LoadDocument;
  readonly loadInvitation: LoadInvitation;
  readonly renderer: PdfRenderer;
  /** Whether we mail an invoice; false where Stripe does. */
  readonly claimMail: (invoiceId: string) => Promise<boolean>;
  /** A pay link that has not expired, of an invoice of Stripe; null where there is none. */
  readonly freshPayLink: (stripeInvoiceId: string) => Promise<string | null>;
  /** The bucket of invoices. */
  readonly files: FileStore;
  /** Files a part of a month of logs. */
  readonly exporter: { store(job: DeliveryJob): Promise<DeliveryOutcome> };
  /** Fetches list prices. */
  readonly syncer: { sync(job: DeliveryJob): Promise<DeliveryOutcome> };
  /** How invoices get to Stripe, or why they do not. */
  readonly stripe: DeliveryHandler | KindOff;
}

/** A kind of delivery: the file `kinds/<kind>.ts` exports one as `kind`. */
export interface DeliveryKindModule {
  /** How many deliveries of the kind are taken at once, and under way at once. */
  readonly portion: number;
  /** The handler, or why the kind is off. */
  readonly open: (ports: KindPorts) => OpenKind | KindOff;
}

/** See `DeliveryKindModule.open`. */
export interface OpenKind {
  readonly handler: DeliveryHandler;
  /** Ends connections that the handler keeps. */
  readonly close?: () => void;
}
