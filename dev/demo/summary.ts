import type { MonthOutcome } from "../test/support/june/month.ts";
import { fileName } from "./render.ts";

/** summary.json: what the demo's month came to. Amounts are minor units of each currency. */
export interface Summary {
  readonly period: string;
  readonly invoices: readonly {
    readonly client: string;
    readonly number: string;
    readonly status: string;
    readonly currency: string;
    readonly subtotal_minor: number;
    readonly discount_minor: number;
    readonly tax_minor: number;
    readonly total_minor: number;
    /** Files beside the summary. */
    readonly html: string;
    readonly pdf: string;
  }[];
  /** Log rows that are not billed, by reason. */
  readonly quarantined: readonly { readonly reason: string; readonly rows: number }[];
  /** Clients that could not be billed, and why. */
  readonly blocked: readonly { readonly client: string; readonly reason: string }[];
  /** Places where the aggregated usage differs from the logs. */
  readonly discrepancies: number;
}

/** The summary of June 2026. */
export function summarize(month: MonthOutcome): Summary {
  return {
    period: "2026-06",
    invoices: month.invoices.map((invoice) => ({
      client: invoice.client,
      number: invoice.number,
      status: invoice.status,
      currency: invoice.currency,
      subtotal_minor: invoice.subtotal_minor,
      discount_minor: invoice.discount_minor,
      tax_minor: invoice.tax_minor,
      total_minor: invoice.total_minor,
      html: fileName(invoice.number, "html"),
      pdf: fileName(invoice.number, "pdf"),
    })),
    quarantined: month.quarantined,
    blocked: month.blocked,
    discrepancies: month.discrepancies,
  };
}
